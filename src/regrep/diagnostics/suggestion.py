"""A layout for the latent of a layer, read from the shape of what the layer returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from regrep.actions import Action, Permute
from regrep.diagnostics.reading import evaluating
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.objectives.checks import check_latent
from regrep.objectives.layers import latent_of
from regrep.representations import Representation, Tokens, latent, layouts


@dataclass(frozen=True, eq=False)
class LatentSuggestion:
    """A representation that fits the latent of a layer, and why this one.

    Attributes:
        layer: the layer's name.
        shape: shape of the latent, without the batch.
        layout: ``"vector"``, ``"grid"`` (the group permutes pixels), ``"channels"``, ``"both"`` or ``"tokens"``.
        rho: the representation; pass it to the objective as ``{layer: rho}``.
        reason: one sentence.
    """

    layer: str
    shape: tuple[int, ...]
    layout: str
    rho: Representation
    reason: str

    @property
    def invariant_dim(self) -> int:
        """What an invariant head that is linear in elementwise functions of the latent can use."""
        return self.rho.invariant_dim

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.shape))
        return (
            f"layer {self.layer!r}, latent [B, {shape}]: {self.layout}\n"
            f"rho = {self.rho!r}, invariant_dim {self.invariant_dim}\n"
            f"because {self.reason}"
        )


def suggest_latent(model: nn.Module, layer: str, x: Any, act: Action | FiniteGroup) -> LatentSuggestion:
    """Run a model once and propose a representation for the latent of one of its layers.

    The shape decides. A vector, and the channels of a feature map or of tokens, get copies of the regular
    representation, Eq. (5). Where the group moves the pixels of the inputs, it also moves those of a square feature
    map, and the patches of tokens. Which layout serves a task best no shape can tell: try it, and look at the whitened
    error.

    Args:
        model: any module; run in evaluation mode, without gradients.
        layer: name of a layer as listed by ``model.named_modules()``, or :data:`~regrep.objectives.OUTPUT`.
        x: a batch of inputs, as the model takes it.
        act: how G acts on the inputs, or the group alone; pixels and patches then stay in place.

    Raises:
        RegrepError: an unknown layer, or a latent that no layout fits.

    >>> import torch, regrep
    >>> model = nn.Sequential(nn.Conv2d(1, 12, 3), nn.Flatten(), nn.Linear(432, 20))
    >>> act, x = regrep.actions.RotateFlip2d(regrep.groups.dihedral(4)), torch.rand(2, 1, 8, 8)
    >>> suggest_latent(model, "2", x, act)
    layer '2', latent [B, 20]: vector
    rho = <2 regular ⊕ 4 trivial of D4, dim 20>, invariant_dim 6
    because 20 coordinates hold 2 copies of the regular representation, and the other 4 stay fixed
    >>> suggest_latent(model, "0", x, act).layout
    'both'
    """
    with evaluating(model), latent_of(model, layer) as tap:
        model(x)
    z = check_latent(tap.value, x) if isinstance(x, Tensor) else tap.value
    shape, group = tuple(z.shape[1:]), act if isinstance(act, FiniteGroup) else act.group
    if not z.is_floating_point() or not 1 <= len(shape) <= 4:
        raise RegrepError(
            f"a latent is a float tensor with 1 to 4 dimensions after the batch, but layer {layer!r} returns"
            f" {str(z.dtype)[6:]} {list(z.shape)}; choose another layer"
        )
    layout, rho, reason = _layout(shape, group, None if isinstance(act, FiniteGroup) else act, x, layer)
    return LatentSuggestion(layer, shape, layout, rho, reason)


def _layout(
    shape: tuple[int, ...], group: FiniteGroup, act: Action | None, x: Any, layer: str
) -> tuple[str, Representation, str]:
    """Name of the layout, the representation, and why."""
    n = group.order
    if len(shape) == 1:
        _check_width(shape[0], group, layer)
        return "vector", latent(group, shape[0]), _copies(shape[0], n, "coordinates")
    if len(shape) == 2:
        return _of_tokens(shape, group, act, x, layer)
    lattice, side = _lattice(act, x, len(shape) - 1), shape[1]
    if lattice is None or len(set(shape[1:])) > 1 or side == 1:
        _check_width(shape[0], group, layer)
        why = "the map has a single pixel" if set(shape[1:]) == {1} else "the group moves no pixels of this map"
        return "channels", layouts.channels(group, shape), f"{_copies(shape[0], n, 'channels')}, and {why}"
    moves = f"the group moves the {' x '.join(map(str, shape[1:]))} pixels as it moves the input's"
    if shape[0] < n:
        rest = f"{shape[0]} channels are too few for one copy of the regular representation, which has {n}"
        return "grid", layouts.grid(lattice.pixels(side), shape), f"{moves}, and {rest}"
    return "both", layouts.both(lattice.pixels(side), shape), f"{moves}, and {_copies(shape[0], n, 'channels')}"


def _of_tokens(
    shape: tuple[int, ...], group: FiniteGroup, act: Action | None, x: Any, layer: str
) -> tuple[str, Representation, str]:
    """The layout of [N, D]."""
    count, width = shape
    copies = None if width >= group.order else 0
    channels = (
        _copies(width, group.order, "channels")
        if copies is None
        else f"{width} channels are too few for one copy of the regular representation, which has {group.order}"
    )
    if isinstance(act, Permute) and act.dim % x.dim() == 1 and act.representation.dim == count:
        places = act.representation
        return (
            "tokens",
            Tokens(places, latent(group, width) if copies is None else layouts.trivial(group, width)),
            f"the group moves the {count} tokens as it moves the input's entries, and {channels}",
        )
    lattice = _lattice(act, x, None)
    if lattice is not None:
        try:
            side, prefix = layouts.patches(lattice, count)
        except RegrepError:
            side = 0
        if side > 1:
            before = "" if not prefix else f", after {prefix} token{'s' * (prefix > 1)} that stay{'s' * (prefix == 1)}"
            grid = " x ".join([str(side)] * (x.dim() - 2))
            reason = f"the group moves the {grid} patches as it moves the image{before}, and {channels}"
            return "tokens", layouts.tokens(lattice, (count, width), copies=copies), reason
    _check_width(width, group, layer)
    return "tokens", latent(group, width), f"{channels}, the same at each of the {count} tokens, which stay in place"


def _lattice(act: Action | None, x: Any, axes: int | None) -> layouts.Lattice | None:
    """The action if it permutes the pixels of data like x, along so many axes."""
    if not act or not act.exact or not hasattr(act, "pixels") or not isinstance(x, Tensor):
        return None
    own = act.pixels(2).dim.bit_length() - 1
    return act if axes in (None, own) and len(set(x.shape[-own:])) == 1 else None


def _copies(width: int, n: int, what: str) -> str:
    """``20 channels hold 2 copies of the regular representation, and the other 4 stay fixed``."""
    copies, rest = divmod(width, n)
    held = f"{width} {what} hold {copies} cop{'y' if copies == 1 else 'ies'} of the regular representation"
    return held + (f", and the other {rest} stay{'s' * (rest == 1)} fixed" if rest else "")


def _check_width(width: int, group: FiniteGroup, layer: str) -> None:
    """Raise if not even one copy of the regular representation fits."""
    if width < group.order:
        raise RegrepError(
            f"no layout fits layer {layer!r}: {width} channels cannot hold one copy of the regular representation of"
            f" {group.name}, which has {group.order}; choose a wider or an earlier layer, or a subgroup"
        )
