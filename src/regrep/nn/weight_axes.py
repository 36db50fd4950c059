"""What a group does to the weights of a network, read from the shapes that its layers see."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from regrep.actions.trees import rows
from regrep.arguments import shown
from regrep.diagnostics.reading import evaluating
from regrep.errors import RegrepError
from regrep.nn.projection import Axis, Projection, Signed, hidden
from regrep.representations import trivial

LAYERS = (nn.Conv2d, nn.Conv3d, nn.Linear)

TRIED = 4
"""Samples on which projected weights are tried."""

CLOSE = 1e-3
"""Outputs whose equivariance error, relative to their spread, is below this are equivariant up to rounding."""


def projected_axes(
    network: nn.Module, x: Tensor, input_action: Any, output_action: Any = None
) -> Mapping[str, list[Axis]]:
    """The axes of every parameter, for the :class:`Projection` onto weights that make a network equivariant.

    On hidden channels the group acts by as many regular copies as fit (:func:`regrep.latent`), on pixels as on those of
    the inputs, about the middle of each map. A stride on a lattice of even size reads windows that are off that
    middle: their outermost points, which some element takes out of the window, are projected to 0. The weights of a
    layer that reads a flattened map have axes for its channels and its pixels.

    Args:
        network: of convolutions, linear layers and batch normalisations, and of what has no weights.
        x: [B, ...], inputs, on the device of the network.
        input_action: how G acts on them.
        output_action: how G acts on the outputs; None if they are invariant.

    Raises:
        RegrepError: a layer of another kind, an action that does more than permute and change signs, or something
            other than the weights that breaks the symmetry, so that a copy with projected ones is not equivariant.

    >>> import regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> network = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    >>> axes = projected_axes(network, torch.randn(2, 1, 8, 8), act)
    >>> {name: len(found) for name, found in axes.items()}
    {'0.weight': 3, '0.bias': 1, '3.weight': 3, '3.bias': 1}
    """
    if not isinstance(x, Tensor) or x.dim() < 2 or not x.is_floating_point():
        raise RegrepError(f"weights are projected for inputs that are one tensor [B, ...], got {shown(x)}")
    x = rows(x, slice(TRIED))
    seen, outputs = seen_in(network, x)
    if not isinstance(outputs, Tensor) or outputs.dim() < 2:
        raise RegrepError(f"weights are projected for outputs that are one tensor [B, ...], got {shown(outputs)}")
    finder = _Finder(tuple(x.shape[1:]), tuple(outputs.shape[1:]), input_action, output_action)
    axes = finder.axes(seen)
    unknown = [name for name, _ in network.named_parameters() if name not in axes]
    if unknown or not axes:
        raise RegrepError(
            "convolutions, linear layers and batch normalisations that run can be projected and nothing else, got"
            f" {f'the parameter {unknown[0]}' if unknown else 'a network without any'}"
        )
    check_equivariant(network, axes, x, input_action, output_action)
    return axes


class Seen(NamedTuple):
    """A layer in its first run, with the shapes of a sample before and after it."""

    name: str
    layer: Any
    before: tuple[int, ...]
    after: tuple[int, ...]


def seen_in(network: nn.Module, x: Tensor) -> tuple[list[Seen], Any]:
    """The layers with weights in the order in which they first run, and the outputs."""
    names: dict[nn.Module, str] = {
        module: name for name, module in network.named_modules() if isinstance(module, (*LAYERS, _BatchNorm))
    }
    found: dict[str, Seen] = {}

    def note(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        found.setdefault(names[module], Seen(names[module], module, tuple(args[0].shape[1:]), tuple(output.shape[1:])))

    handles = [module.register_forward_hook(note) for module in names]
    try:
        with evaluating(network):
            outputs = network(x)
    finally:
        for handle in handles:
            handle.remove()
    return list(found.values()), outputs


class _Finder:
    """Finds the axes of the layers of a network.

    Args:
        inputs: shape of an input.
        outputs: shape of an output.
        acts: how G acts on inputs.
        moves: how G acts on outputs, or None.
    """

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...], acts: Any, moves: Any) -> None:
        self.inputs, self.outputs, self.acts, self.moves, self.group = inputs, outputs, acts, moves, acts.group
        self._lattices: dict[int, Signed] = {}

    def axes(self, seen: list[Seen]) -> dict[str, list[Axis]]:
        """The axes of each parameter by name."""
        weighted = [one.name for one in seen if isinstance(one.layer, LAYERS)]
        found: dict[str, list[Axis]] = {}
        width: int = self.inputs[0]
        writes: Axis | None = None
        for one in seen:
            first, last = one.name in weighted[:1], one.name in weighted[-1:]
            reads: list[Axis] = []
            if isinstance(one.layer, nn.Linear):
                reads, width = self._flattened(one, width, first), one.after[-1]
            elif isinstance(one.layer, LAYERS):
                reads, width = self._window(one, first), one.after[0]
            if reads:
                writes = self._last(width) if last else hidden(self.group, width)
            elif writes is None:  # a normalisation of the inputs
                writes = channels_of(self.acts, self.inputs)[0]
            # The scales of a normalisation are moved with their channels, whose signs they do not see.
            for name, axes in (("weight", [writes, *reads] if reads else [_unsigned(writes)]), ("bias", [writes])):
                if getattr(one.layer, name) is not None:
                    found[f"{one.name}.{name}"] = axes
        return found

    def _last(self, width: int) -> Axis:
        """The channels that the last layer writes."""
        if self.moves is None:
            return trivial(self.group, width)
        if width == math.prod(self.outputs):
            return signed_of(self.moves, self.outputs)
        return channels_of(self.moves, self.outputs)[0]

    def _flattened(self, one: Seen, width: int, first: bool) -> list[Axis]:
        """What a linear layer reads: the inputs, channels, or a flattened map of channels and pixels."""
        size, axes = one.layer.in_features, len(self.inputs) - 1
        if first and size == math.prod(self.inputs):
            return [signed_of(self.acts, self.inputs)]
        if size == width:
            return [hidden(self.group, width)]
        side = round((size / width) ** (1 / max(axes, 1)))
        if width * side**axes != size:
            raise RegrepError(
                f"the layer {one.name} reads {size} numbers, which are no map of the {width} channels before"
            )
        return [hidden(self.group, width), self._lattice(side)]

    def _window(self, one: Seen, first: bool) -> list[Axis]:
        """What a convolution reads: channels, and the points of its window, moved about the middle of the map."""
        layer, axes = one.layer, len(self.inputs) - 1
        padding = layer.padding if isinstance(layer.padding, tuple) else one.layer._reversed_padding_repeated_twice[::2]
        shapes = one.before[1:], one.after[1:], layer.kernel_size, layer.stride, padding, layer.dilation
        kinds = set(zip(*shapes, strict=True)) if len(one.before) == axes + 1 else set()
        if layer.groups != 1 or len(kinds) != 1:
            raise RegrepError(
                f"a convolution is projected if it has one group and is the same along all {axes} axes of the inputs,"
                f" and {one.name} is not"
            )
        ((before, after, kernel, stride, padded, dilation),) = kinds
        # Twice the way from the middle of all windows to the middle of the map, in steps of the window.
        off, rest = divmod((before - 1) - (stride * (after - 1) - 2 * padded + dilation * (kernel - 1)), dilation)
        if rest:
            raise RegrepError(f"the windows of the convolution {one.name} do not lie about the middle of its maps")
        channels = channels_of(self.acts, self.inputs)[0] if first else hidden(self.group, layer.in_channels)
        return [channels, self._points(kernel, off)]

    def _points(self, kernel: int, off: int) -> Signed:
        """The points of a window whose middle is ``off / 2`` steps before that about which the group acts."""
        side, axes = kernel + off, len(self.inputs) - 1
        kept = torch.arange(side) < kernel
        inside = torch.stack(torch.meshgrid(*[kept] * axes, indexing="ij")).all(dim=0).flatten()
        index = self._lattice(side).index[:, inside]  # of the smallest lattice about the group's middle
        stays = inside[index].all(dim=0)
        number = inside.cumsum(0) - 1
        return Signed(torch.where(stays, number[index], torch.arange(kernel**axes)), stays.double().expand(index.shape))

    def _lattice(self, side: int) -> Signed:
        """The points of a lattice."""
        if side not in self._lattices:
            shape = (self.inputs[0], *[side] * (len(self.inputs) - 1))
            try:
                self._lattices[side] = channels_of(self.acts, shape)[1]
            except RegrepError as error:
                raise RegrepError(f"{self.acts!r} does not move a window or map of side {side}: {error}") from error
        return self._lattices[side]


def _unsigned(axis: Axis) -> Axis:
    return Signed(axis.index, axis.sign.abs()) if isinstance(axis, Signed) else axis


def channels_of(action: Any, shape: tuple[int, ...]) -> tuple[Signed, Signed]:
    """What an action on maps [C, ...] does to their channels, and to their points, if that is the same for each.

    Raises:
        RegrepError: it is not.

    >>> import regrep
    >>> act = regrep.actions.VectorField2d(regrep.groups.cyclic(4), rows="down")
    >>> channels, points = channels_of(act, (2, 2, 2))
    >>> channels.index.tolist(), points.index[1].tolist()
    ([[0, 1], [1, 0], [0, 1], [1, 0]], [1, 3, 0, 2])
    """
    whole, count = signed_of(action, shape), math.prod(shape[1:])
    channel, point, sign = (
        part.reshape(-1, shape[0], count) for part in (whole.index // count, whole.index % count, whole.sign)
    )
    apart = (channel == channel[:, :, :1]) & (point == point[:, :1]) & (sign == sign[:, :, :1])
    if not bool(apart.all()):
        raise RegrepError(f"weights are projected for actions that move channels and points apart, {action!r} does not")
    return Signed(channel[:, :, 0], sign[:, :, 0]), Signed(point[:, 0], torch.ones_like(point[:, 0]).double())


def signed_of(action: Any, shape: tuple[int, ...]) -> Signed:
    """What an action does to the entries of samples of a shape, if it permutes them and changes signs.

    Raises:
        RegrepError: it does something else.

    >>> import regrep
    >>> found = signed_of(regrep.actions.VectorField2d(regrep.groups.cyclic(2), rows="down"), (2, 1, 1))
    >>> found.index.tolist(), found.sign.tolist()
    ([[0, 1], [0, 1]], [[1.0, 1.0], [-1.0, -1.0]])
    """
    size, order = math.prod(shape), action.group.order
    numbers = torch.arange(1, size + 1, dtype=torch.float64).reshape(1, *shape)
    found = action(numbers.repeat(order, *[1] * len(shape)), torch.arange(order)).reshape(order, -1)
    index, every = found.abs().long() - 1, torch.arange(size).expand(order, size)
    whole = index.shape == every.shape and torch.equal(found.abs(), index + 1.0)
    if not whole or not torch.equal(index.sort(dim=1).values, every):
        raise RegrepError(
            f"weights are projected for actions that permute entries up to signs, and {action!r} does not"
        )
    return Signed(index, found.sign())


@torch.no_grad()
def check_equivariant(
    network: nn.Module, axes: Mapping[str, list[Axis]], x: Tensor, input_action: Any, output_action: Any
) -> None:
    """Raise unless a copy with projected weights is equivariant on some samples, up to rounding."""
    copied = copy.deepcopy(network).eval()
    Projection(axes).to(x.device).project_(copied)
    own, worst = copied(x), 0.0
    spread = float((own - own.mean(dim=0)).norm())
    for k in range(input_action.group.order):
        g = torch.full((len(x),), k, device=x.device)
        expected = own if output_action is None else output_action(own, g)
        worst = max(worst, float((copied(input_action(x, g)) - expected).norm()))
    if not worst <= CLOSE * spread:
        raise RegrepError(
            f"with projected weights the outputs still change by {worst / spread if spread else math.inf:.2g} of their"
            f" spread under {input_action.group.name}, since something other than the weights breaks the symmetry"
        )
