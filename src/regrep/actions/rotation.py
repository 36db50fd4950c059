"""Rotation of images by any angle, with bilinear interpolation."""

from __future__ import annotations

import torch
from torch import Tensor


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Rotate each image counter-clockwise about its centre; pixels from outside are 0.

    Args:
        x: floating point [B, H, W] or [B, C, H, W].
        angle: [B], degrees.
    """
    images = x[:, None] if x.dim() == 3 else x
    radians = torch.deg2rad(angle.to(x.dtype))
    cos, sin = radians.cos(), radians.sin()
    h, w = x.shape[-2:]
    theta = torch.stack(
        [torch.stack([cos, -sin * h / w, 0 * cos], -1), torch.stack([sin * w / h, cos, 0 * cos], -1)], 1
    )
    grid = torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False).reshape(x.shape)
