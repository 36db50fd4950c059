"""Read the output of any layer of any model by its name."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions.trees import Path, TreeAction, leaves, part_of
from regrep.deprecated import warn_renamed
from regrep.errors import RegrepError
from regrep.objectives.modules import modules_of
from regrep.objectives.uncompiled import COMPILED, is_compiled, uncompiled

OUTPUT = "<output>"
"""The name of a model's output where layers are named; no layer can have this name."""


Layer = str | tuple[Any, ...]
"""Name of a layer; or a tuple of its name and the path to a part of its output, such as ``("lstm", 0)``."""


class Latents(dict[Layer, Any]):
    """Representations or actions by layer name; ``""`` is an old name of the output."""

    def __missing__(self, layer: Layer) -> Any:
        if layer == "" and OUTPUT in self:
            warn_renamed('the layer ""', "regrep.objectives.OUTPUT")
            return self[OUTPUT]
        raise KeyError(layer)


def named(latent: Any) -> Latents:
    """Representations or actions by layer name, from such a mapping or from the one on the output alone.

    A tuple, a list or a :class:`~regrep.actions.TreeAction` holds those on the parts of the output.
    """
    if isinstance(latent, TreeAction):
        return Latents({(OUTPUT, *path): rho for path, rho in leaves(latent.actions)})
    if isinstance(latent, tuple | list):
        return Latents({(OUTPUT, *path): rho for path, rho in leaves(latent)})
    if not isinstance(latent, Mapping):
        return Latents({OUTPUT: latent})
    if "" not in latent:
        return Latents(latent)
    warn_renamed('the layer ""', "regrep.objectives.OUTPUT", stacklevel=5)
    return Latents({layer or OUTPUT: rho for layer, rho in latent.items()})


@dataclass(frozen=True)
class Place:
    """Where a latent is read: a layer, and one of its runs in a forward pass if it runs several times.

    Attributes:
        layer: name of the layer.
        run: number of the run, from 0, or from the end if negative; None for every run.
        path: steps to a part of what the layer returns: keys of mappings, places in sequences, names of fields.

    >>> Place.of("block.relu#1"), Place.of(("lstm", 0))
    (Place(layer='block.relu', run=1, path=()), Place(layer='lstm', run=None, path=(0,)))
    """

    layer: str
    run: int | None = None
    path: Path = ()

    @classmethod
    def of(cls, layer: Layer) -> Place:
        """The place that a name says, such as ``"relu"``, ``"relu#1"`` or ``("lstm", 0)``."""
        name, *path = layer if isinstance(layer, tuple) and layer else (layer,)
        if not isinstance(name, str):
            raise RegrepError(f'a layer is named by text, or by a tuple such as ("lstm", 0), got {layer!r}')
        layer, mark, run = name.rpartition("#")
        if not mark:
            return cls(name, path=tuple(path))
        try:
            return cls(layer, int(run), tuple(path))
        except ValueError:
            raise RegrepError(
                f'the run of a layer is a whole number after "#", got {name!r}; write "{layer}#0" for the first run'
            ) from None


class Tap:
    """What one layer returned in the latest forward pass.

    A model may overwrite the output of a layer in place (``nn.ReLU(inplace=True)``, ``x += y``), so a tap keeps a copy
    and returns it if the output itself has changed. Calls from other threads are ignored.

    Args:
        layer: name of the layer, see :class:`Place`.
        copies: whether to keep copies; without them an output that was overwritten is lost.
        every: whether to keep all runs until the tap is removed; by default a run of the whole model starts anew, and
            outside of one only the latest run of the layer is kept.
    """

    def __init__(self, layer: Layer, *, copies: bool = True, every: bool = False) -> None:
        self.layer, self.place = layer, Place.of(layer)
        self._copies, self._every, self._running = copies, every, False
        self._runs: list[tuple[Tensor, int | None, Tensor | None]] = []
        self._thread = None if torch.compiler.is_compiling() else threading.get_ident()
        self._elsewhere = False
        self._with_gradient = torch.is_grad_enabled()
        self.detached = False
        """Whether the layer ran without gradients although they were enabled where the tap was set."""

    @property
    def value(self) -> Tensor:
        """The layer's output at its latest run, or at the run that the name picks, with its gradient history.

        There is no history where the model itself switches gradients off around the layer, as a checkpoint with
        ``use_reentrant=True`` does.

        Raises:
            RegrepError: the layer has not run since the tap was set, or not so often.
        """
        return self.values[-1]

    @property
    def values(self) -> tuple[Tensor, ...]:
        """The outputs at all runs in the latest forward pass, in order; only that of the run that the name picks."""
        if not self._runs:
            reason = "; it ran in another thread only" if self._elsewhere else ""
            raise RegrepError(
                f"layer {self.layer!r} has not run yet{reason}; call the model inside the with-block before reading"
                " the tap, and do not hide it inside a compiled function"
            )
        runs = self._runs
        if (run := self.place.run) is not None:
            if not -len(runs) <= run < len(runs):
                raise RegrepError(
                    f"layer {self.layer!r} names run {run} (from 0), but the layer ran {len(runs)} times; choose one"
                    " of these"
                )
            runs = [runs[run]]
        return tuple(self._kept(*found) for found in runs)

    @property
    def overwritten(self) -> bool:
        """Whether the model has changed an output of the layer in place."""
        return any(version is not None and output._version != version for output, version, _ in self._runs)

    @property
    def lost(self) -> bool:
        """Whether it did so and no copy was kept."""
        return not self._copies and self.overwritten

    def _kept(self, output: Tensor, version: int | None, copy: Tensor | None) -> Tensor:
        if version is not None and output._version == version:
            return output
        if copy is None:
            raise RegrepError(
                f"the model overwrote the output of layer {self.layer!r} in place, and the tap kept no copy;"
                " use copies=True"
            )
        return copy

    def __call__(self, module: nn.Module, args: object, output: object) -> None:
        """Forward hook."""
        if not self._is_mine():
            return
        found = part_of(output, self.place.path, f"the outputs of layer {self.place.layer!r}")
        if not isinstance(found, Tensor):
            raise RegrepError(
                f"layer {self.layer!r} returns a {type(found).__name__}, but a latent is one tensor;"
                f" choose a layer that returns a tensor, or name a part of this one, such as ({self.place.layer!r}, 0)"
            )
        self.record(found)

    def record(self, output: Tensor) -> None:
        """Note an output of the layer."""
        if not (self._every or self._running):
            self._runs.clear()
        version = version_of(output)
        copy = output.clone() if self._copies or version is None else None
        self._runs.append((output, version, copy))
        self.detached |= self._with_gradient and not torch.is_grad_enabled()

    def start(self, model: nn.Module, args: object) -> None:
        """Forward pre-hook of the whole model: a pass begins."""
        if self._is_mine():
            self._runs.clear()
            self._running = True

    def stop(self, model: nn.Module, args: object, output: object) -> None:
        """Forward hook of the whole model: the pass has ended, or failed."""
        if self._is_mine():
            self._running = False

    def _is_mine(self) -> bool:
        if self._thread is None or torch.compiler.is_compiling() or threading.get_ident() == self._thread:
            return True
        self._elsewhere = True
        return False


def version_of(output: Tensor) -> int | None:
    """How often a tensor, or one that shares its memory, was written in place; None where that is not counted."""
    if torch.compiler.is_compiling() or output.is_inference():
        return None
    try:
        return output._version
    except RuntimeError:  # inside transforms of torch.func
        return None


class Copies:
    """Of which layers a tap keeps copies: of all, until a pass has shown that nothing overwrites them.

    What a model overwrites may depend on whether it is in training mode, as dropout in place does.
    """

    def __init__(self) -> None:
        self._untouched: dict[tuple[Layer, object], bool] = {}

    def needed(self, layer: Layer, mode: object) -> bool:
        """Whether copies of a layer's outputs are kept in this mode."""
        return torch.compiler.is_compiling() or not self._untouched.get((layer, mode), False)

    def note(self, taps: Mapping[Layer, Tap], mode: object) -> None:
        """Learn from a pass."""
        if not torch.compiler.is_compiling():
            for layer, tap in taps.items():
                self._untouched[layer, mode] = not tap.overwritten and self._untouched.get((layer, mode), True)


@contextmanager
def latent_of(model: nn.Module, layer: Layer) -> Iterator[Tap]:
    """Tap a layer of a model by name, as listed by ``model.named_modules()``.

    The hook is removed at the end of the block; the model is unchanged. :data:`OUTPUT`, or ``""`` as in
    ``named_modules()``, is the model's output. If a layer runs several times in one forward pass, ``tap.values`` are
    all its outputs, and the name ``"relu#0"`` picks the first. A tuple such as ``("lstm", 0)`` names a part of what a
    layer returns. In a compiled model, compiled code knows no taps, so
    what is compiled runs uncompiled inside the block.

    Raises:
        RegrepError: the model has no such layer.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> with latent_of(model, "1") as tap:
    ...     y = model(torch.ones(5, 2))
    >>> tap.value.shape
    torch.Size([5, 3])
    """
    tap = Tap(layer)
    with ExitStack() as stack:
        root = _hook(stack, tap, model)
        stack.callback(root.register_forward_pre_hook(tap.start).remove)
        stack.callback(root.register_forward_hook(tap.stop, always_call=True).remove)
        yield tap


@contextmanager
def tapped(function: object, copies: Mapping[Layer, bool]) -> Iterator[dict[Layer, Tap]]:
    """Taps of several layers that keep all their runs; ``copies`` says for each layer whether to keep copies."""
    with ExitStack() as stack:
        taps = {layer: Tap(layer, copies=kept, every=True) for layer, kept in copies.items()}
        for tap in taps.values():
            _hook(stack, tap, function)
        yield taps


def _hook(stack: ExitStack, tap: Tap, function: object) -> nn.Module:
    layer = tap.place.layer
    model = module_with(function, layer)
    part = find_layer(model, layer)
    if torch.compiler.is_compiling():
        stack.callback(_replace_hooks, part, _traced(part, tap))
        return model
    stack.callback(part.register_forward_hook(tap).remove)
    if is_compiled(model, layer):
        stack.enter_context(uncompiled())
    return model


def _traced(part: nn.Module, tap: Tap) -> Any:
    """Hook a module while ``torch.compile`` traces, which cannot make torch's handles of hooks; returns its own hooks.

    The module gets another dictionary of hooks, and then its own one back, which leaves no trace in the graph.
    """
    own = vars(part)["_forward_hooks"]
    hooks = own.copy()
    hooks[-1 - len(own)] = tap  # torch counts its hooks from 0
    _replace_hooks(part, hooks)
    return own


def _replace_hooks(part: nn.Module, hooks: Any) -> None:
    vars(part)["_forward_hooks"] = hooks


def module_with(function: object, layer: str) -> nn.Module:
    """The module with a layer of that name: the model itself, or the module behind a function.

    Raises:
        RegrepError: a function around no module, or around none or several with such a layer.

    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> module_with(lambda x: model(x)[0], "0") is model
    True
    """
    if isinstance(function, nn.Module):
        return function
    modules = modules_of(function)
    if not modules:
        raise RegrepError(
            f"layer {layer!r} can only be found in a module, but the encoder is a function around none; pass the module"
        )
    holders = [model for model in modules if _descend(model, layer) is not None]
    if len(holders) > 1:
        raise RegrepError(
            f"layer {layer!r} is found in one module, but the encoder is a function around {len(holders)} that have it;"
            " pass the module"
        )
    return holders[0] if holders else modules[0]


def find_layer(model: nn.Module, layer: str) -> nn.Module:
    """The submodule of that name; raises an error that lists similar names.

    >>> find_layer(nn.Sequential(nn.Linear(2, 3)), "0")
    Linear(in_features=2, out_features=3, bias=True)
    """
    part = _descend(model, layer)
    if part is None:
        layers = [name.replace(f"{COMPILED}.", "") for name, _ in model.named_modules() if name]
        near = difflib.get_close_matches(layer, layers, n=3, cutoff=0.3) or layers[:6]
        raise RegrepError(
            f"the model has no layer {layer!r}; choose one of model.named_modules(), for example {', '.join(near)}"
        )
    return part


def _descend(model: nn.Module, layer: str) -> nn.Module | None:
    if layer in (OUTPUT, ""):
        return model
    part: nn.Module | None = model
    for name in layer.split("."):
        if part is not None and name not in part._modules:
            part = part._modules.get(COMPILED, part)
        part = None if part is None else part._modules.get(name)
    return part
