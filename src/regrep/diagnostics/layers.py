"""Where a model loses equivariance: invariance and linear equivariance of every layer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from regrep.actions import Action
from regrep.diagnostics.linear import LinearEquivariance, leaves, measure_layers
from regrep.diagnostics.reading import check_samples, evaluating, plain
from regrep.diagnostics.windows import lopsided
from regrep.errors import RegrepError
from regrep.html import table
from regrep.objectives.functional import wide
from regrep.objectives.layers import find_layer
from regrep.objectives.uncompiled import has_compiled, uncompiled


@dataclass(frozen=True, eq=False)
class LayerProfile:
    """Linear equivariance of the layers of a model, in the order in which they ran.

    Attributes:
        layers: what was found, by the name of the layer.
        kinds: their types, by name.
        skipped: names of layers that did not run, or return no real tensor with one row per sample.
        notes: of a layer whose windows reach further at one end of its input than at the other (a stride of 2 on an
            even size, padding on one side), what makes them; by name.
    """

    layers: dict[str, LinearEquivariance]
    kinds: dict[str, str]
    skipped: tuple[str, ...]
    notes: dict[str, str]

    @property
    def changes(self) -> dict[str, float]:
        """Mean R² of a layer minus that of the layer that ran before it, of the first minus 1, by name."""
        values = [1.0, *(found.mean for found in self.layers.values())]
        return {name: after - before for name, before, after in zip(self.layers, values, values[1:], strict=False)}

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; nan becomes None."""
        return {
            "layers": [
                {
                    "layer": name,
                    "kind": self.kinds[name],
                    "change": plain(self.changes[name]),
                    "note": self.notes.get(name, ""),
                    **found.as_dict(),
                }
                for name, found in self.layers.items()
            ],
            "skipped": list(self.skipped),
        }

    def _repr_html_(self) -> str:
        head = ["layer", "kind", "shape", "invariance", "linear R²", "change", "shuffled", "random element", "windows"]
        rows = [
            [
                name or "model",
                self.kinds[name],
                " x ".join(map(str, found.shape)),
                *(found.mean_invariance, found.mean, self.changes[name], found.mean_null, found.random_elements),
                self.notes.get(name, ""),
            ]
            for name, found in self.layers.items()
        ]
        return table("layers", head, rows, [f"skipped: {', '.join(self.skipped)}"] if self.skipped else [])

    def __str__(self) -> str:
        labels = [f"{name or 'model'} ({self.kinds[name]})" for name in self.layers]
        shapes = [" x ".join(map(str, found.shape)) for found in self.layers.values()]
        changes = self.changes
        width, size = max(map(len, (*labels, "layer"))), max(map(len, (*shapes, "shape")))
        lines = [f"{'layer':{width}}  {'shape':{size}}  invariance  linear R2   change  shuffled  random element"]
        for label, shape, (name, found) in zip(labels, shapes, self.layers.items(), strict=True):
            lines.append(
                f"{label:{width}}  {shape:{size}}  {found.mean_invariance:10.4f}  {found.mean:9.4f}"
                f"  {round(changes[name], 4) + 0.0:+7.4f}  {found.mean_null:8.4f}  {found.random_elements:14.4f}"
                + (f"  {self.notes[name]}" if name in self.notes else "")
            )
        if self.skipped:
            lines.append(f"skipped: {', '.join(self.skipped)}")
        return "\n".join(lines)


def profile_layers(
    model: nn.Module,
    x: Tensor,
    act: Action,
    *,
    layers: Sequence[str] | None = None,
    batch_size: int = 256,
    seed: int = 0,
) -> LayerProfile:
    """Invariance and linear equivariance, see :func:`regrep.linear_equivariance`, of every layer of a model.

    All numbers are means over the elements other than the identity. Where the linear R² drops from one layer to the
    next, the latter breaks the symmetry: a stride of 2 on an even size, padding on one side, a fully connected layer.
    A layer that runs several times is measured at its last run.

    Args:
        model: any module; measured in evaluation mode.
        x: [N, ...], samples; a few hundred.
        act: how G acts on x.
        layers: names as listed by ``model.named_modules()``; defaults to all layers that contain no others.
        batch_size: samples at a time.
        seed: seed of the two halves, the shuffled samples and the random elements.

    Raises:
        RegrepError: fewer than 16 samples, a model that is not a module, an unknown layer, or latents not finite.

    >>> import torch, regrep
    >>> _ = torch.manual_seed(1)
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> found = profile_layers(model, torch.rand(400, 1, 4, 4), act)
    >>> [found.layers[name].mean > 0.999 for name in "0123"]
    [True, True, True, False]
    """
    if not isinstance(model, nn.Module):
        raise RegrepError(f"only a module has layers, got a {type(model).__name__}; pass the model itself")
    check_samples(x, batch_size, act)
    parts = leaves(model) if layers is None else {name: find_layer(model, name) for name in layers}
    sizes: dict[str, tuple[int, ...]] = {}
    with evaluating(model):
        seen = _run(model, x[:1], parts, lambda name, z: z, sizes)
        chosen = {name: parts[name] for name, z in seen.items() if _is_latent(z)}

        def read(x: Tensor, reduce: Callable[[str, Tensor], Tensor]) -> dict[str, Tensor]:
            # Reduced inside the hook: a layer after it may change the output in place.
            return _run(model, x, chosen, lambda name, z: reduce(name, wide(z)))

        found = measure_layers(read, x, act, batch_size, seed) if chosen else {}
    kinds = {name: type(parts[name]).__name__ for name in found}
    notes = {name: note for name in found if name in sizes and (note := lopsided(parts[name], sizes[name]))}
    return LayerProfile(found, kinds, tuple(name for name in parts if name not in found), notes)


def _is_latent(z: object) -> bool:
    """Whether this is a real latent [1, ...] of one sample."""
    return isinstance(z, Tensor) and z.is_floating_point() and z.dim() > 1 and len(z) == 1


def _run(
    model: nn.Module,
    x: Tensor,
    parts: dict[str, nn.Module],
    use: Callable[[str, Any], Any],
    sizes: dict[str, tuple[int, ...]] | None = None,
) -> dict[str, Any]:
    """The value of ``use(name, output)`` for each layer, in the order in which they ran.

    Notes the shapes of their inputs, without the batch, in ``sizes``.
    """
    found: dict[str, Any] = {}
    thread = threading.get_ident()
    with ExitStack() as stack:
        if has_compiled(model):  # compiled code sees no hooks
            stack.enter_context(uncompiled())
        for name, part in parts.items():

            def hook(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
                if threading.get_ident() != thread:
                    return
                # A layer that ran before moves to the end, where its last run belongs.
                found.pop(name, None)
                found[name] = use(name, output)
                if sizes is not None and args and isinstance(args[0], Tensor):
                    sizes[name] = tuple(args[0].shape[1:])

            stack.callback(part.register_forward_hook(hook).remove)
        model(x.clone())  # a copy, which the model may overwrite
    return found
