"""Resampling of images and volumes under linear maps."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regrep.arguments import check_tensor, is_real, shown
from regrep.errors import RegrepError
from regrep.unrounded import unrounded


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Rotate each image counter-clockwise about its centre by its own angle.

    Bilinear; pixels outside the image are 0. At 90 degrees equal to ``torch.rot90(x, 1, (-2, -1))`` up to rounding.

    Args:
        x: floating point [B, ..., H, H].
        angle: [B], degrees.

    Raises:
        RegrepError: integer or non-square images, or a number of angles other than B.

    >>> x = torch.eye(3)[None]
    >>> rotate(x, torch.tensor([90.0])).round().tolist()
    [[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]
    """
    check_tensor("x", x)
    check_tensor("angle", angle)
    if x.dim() < 3 or x.shape[-1] != x.shape[-2] or not x.is_floating_point() or angle.shape != x.shape[:1]:
        raise RegrepError(
            "rotate needs floating-point square images [B, ..., H, H] and one angle per image, got"
            f" {str(x.dtype)[6:]} {list(x.shape)} and {list(angle.shape)} angles"
        )
    radians = torch.deg2rad(angle.to(real_of(x)))
    cos, sin = radians.cos(), radians.sin()
    matrices = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return resample(x.reshape(len(x), math.prod(x.shape[1:-2]), *x.shape[-2:]), matrices).reshape(x.shape)


def resample(images: Tensor, matrices: Tensor, interpolation: str = "bilinear", outside: float = 0) -> Tensor:
    """Transform images by orthogonal maps: (g f)(p) = f(g^-1 p), p = (x to the right, y upwards) from the centre.

    Args:
        images: [B, C, H, H]; floating point if bilinear.
        matrices: floating point [B, 2, 2], orthogonal.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        outside: value of pixels from outside the image.
    """
    check_tensor("images", images, 4)
    check_tensor("matrices", matrices, floating=True)
    if images.dim() != 4 or matrices.shape != (len(images), 2, 2):
        raise RegrepError(
            f"resample needs images [B, C, H, H] and matrices [B, 2, 2], got {list(images.shape)} and"
            f" {list(matrices.shape)}"
        )
    if not isinstance(interpolation, str) or interpolation not in ("bilinear", "nearest") or not is_real(outside):
        raise RegrepError(
            f'interpolation is "bilinear" or "nearest" and outside a finite number, got {shown(interpolation)} and'
            f" {shown(outside)}"
        )
    if interpolation == "bilinear":
        check_tensor("images", images, floating=True)
    inverse = matrices.to(torch.promote_types(matrices.dtype, real_of(images))).transpose(1, 2)
    source = torch.stack(  # the same map with y downwards
        [
            torch.stack([inverse[:, 0, 0], -inverse[:, 0, 1]], dim=-1),
            torch.stack([-inverse[:, 1, 0], inverse[:, 1, 1]], dim=-1),
        ],
        dim=-2,
    )
    return pulled(images, source, interpolation, outside)


def pulled(x: Tensor, source: Tensor, interpolation: str, outside: float) -> Tensor:
    """Data on a square or cubic lattice, each point with the value at the point that a map takes it to.

    Args:
        x: [B, C, S, S] or [B, C, S, S, S]; floating point unless ``"nearest"``.
        source: float32 or float64 [B, k, k], maps of coordinates from the centre, that of the last axis first. Half
            types could not tell neighbouring points of larger data apart, so values of these are computed in float32.
        interpolation: ``"nearest"``, or anything else for linear in every coordinate.
        outside: value of points from outside.

    >>> halves = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> pulled(halves, torch.tensor([[[-1.0, 0.0], [0.0, 1.0]]]), "nearest", 0)
    tensor([[[[2., 1.],
              [4., 3.]]]])
    """
    if not x.numel():  # samplers refuse what is empty
        return x
    if x.is_complex():
        return torch.complex(pulled(x.real, source, interpolation, outside), pulled(x.imag, source, interpolation, 0))
    with unrounded(x.device):
        return _sampled(x, source, interpolation, outside)


def real_of(x: Tensor) -> torch.dtype:
    """The dtype of maps of the points of data: float32 for half types, that of other numbers, for integers float64.

    >>> real_of(torch.zeros(1, dtype=torch.float16)), real_of(torch.zeros(1, dtype=torch.uint8))
    (torch.float32, torch.float64)
    """
    if x.dtype in (torch.float16, torch.bfloat16):
        return torch.float32
    if x.is_complex():
        return x.real.dtype  # dtype.to_real() would break the graph of torch.compile
    return x.dtype if x.is_floating_point() else torch.float64


def _sampled(x: Tensor, source: Tensor, interpolation: str, outside: float) -> Tensor:
    places = torch.nn.functional.affine_grid(torch.nn.functional.pad(source, (0, 1)), list(x.shape), False)
    if interpolation == "nearest":
        real = x.to(source.dtype)  # samplers take floats alone, and these hold labels exactly
        moved = torch.nn.functional.grid_sample(real, places, mode="nearest", align_corners=False)
        if outside:
            known = torch.ones_like(real[:, :1])
            known = torch.nn.functional.grid_sample(known, places, mode="nearest", align_corners=False)
            moved = torch.where(known > 0.5, moved, outside)
        return moved.to(x.dtype)
    real = x.to(source.dtype)
    moved = torch.nn.functional.grid_sample(real - outside if outside else real, places, align_corners=False)
    return (moved + outside if outside else moved).to(x.dtype)
