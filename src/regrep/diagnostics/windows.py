"""Layers whose windows do not lie symmetrically on their input, so that no mirror or half turn commutes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.padding import _CircularPadNd, _ConstantPadNd, _ReflectionPadNd, _ReplicationPadNd
from torch.nn.modules.pooling import _AvgPoolNd, _MaxPoolNd

PADDINGS = (_CircularPadNd, _ConstantPadNd, _ReflectionPadNd, _ReplicationPadNd)


def lopsided(module: nn.Module, shape: Sequence[int]) -> str:
    """What makes the windows of a convolution, pooling or padding reach further at one end of the input than the other.

    Args:
        module: any layer.
        shape: of its input, without the batch.

    Returns:
        A few words on the first such axis; nothing for windows that lie evenly, and for other layers.

    >>> lopsided(nn.Conv2d(1, 1, 3, stride=2, padding=1), (1, 28, 28))
    'stride 2 on size 28 leaves out 1 at the end'
    >>> lopsided(nn.Conv2d(1, 1, 3, stride=2, padding=1), (1, 29, 29))
    ''
    >>> lopsided(nn.MaxPool2d(3, stride=2, ceil_mode=True), (1, 22, 22))
    'stride 2 on size 22 reaches 1 beyond the end'
    >>> lopsided(nn.Conv1d(1, 1, 4, padding="same"), (1, 9))
    'pads 1 before and 2 after'
    """
    if isinstance(module, PADDINGS):
        ends = list(module.padding)
        return _padded([(ends[k], ends[k + 1]) for k in range(0, len(ends), 2)])
    if not isinstance(module, _ConvNd | _MaxPoolNd | _AvgPoolNd) or isinstance(module, _ConvTransposeNd):
        return ""
    axes = len(module.kernel_size) if isinstance(module, _ConvNd) else _axes(module)
    sizes = shape[len(shape) - axes :]
    kernel, stride, dilation = (_each(getattr(module, name, 1), axes) for name in ("kernel_size", "stride", "dilation"))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if module.padding == "same":
        return _padded([((r - 1) // 2, r - 1 - (r - 1) // 2) for r in reach])
    pads: Any = module.padding
    padding = _each(0 if pads == "valid" else pads, axes)
    for size, r, s, p in zip(sizes, reach, stride, padding, strict=True):
        beyond = _beyond(size, r, s, p, bool(getattr(module, "ceil_mode", False)))
        if beyond:
            what = f"leaves out {-beyond} at" if beyond < 0 else f"reaches {beyond} beyond"
            return f"stride {s} on size {size} {what} the end"
    return ""


def _beyond(size: int, reach: int, stride: int, padding: int, up: bool) -> int:
    """How far the last window reaches beyond the padded input."""
    room = size + 2 * padding - reach
    steps = -(-room // stride) if up else room // stride
    if up and steps * stride >= size + padding:  # no window begins in the padding at the end
        steps -= 1
    return steps * stride - room


def _axes(pooling: nn.Module) -> int:
    """Along how many axes a pooling runs, by the name of the class of torch that it is or derives from."""
    return next(int(kind.__name__[-2]) for kind in type(pooling).__mro__ if kind.__module__ == _MaxPoolNd.__module__)


def _each(value: int | Sequence[int], axes: int) -> Sequence[int]:
    """A value for every axis."""
    return [value] * axes if isinstance(value, int) else list(value)


def _padded(pads: Sequence[tuple[int, int]]) -> str:
    return next((f"pads {a} before and {b} after" for a, b in pads if a != b), "")
