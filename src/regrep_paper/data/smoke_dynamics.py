"""How well fields obey the transport of vorticity, before and after transformation."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.actions import Action

MARGIN = 2
"""Number of cells next to the walls that are left out, as differences there reach into the boundary."""


def vorticity(v: Tensor) -> Tensor:
    """∂vy/∂x − ∂vx/∂y by central differences, in the interior.

    Args:
        v: [..., 2, H, W], row index along +y, in cells per frame.

    Returns:
        [..., H - 2, W - 2].

    >>> y, x = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    >>> vorticity(torch.stack([-y, x]))  # rigid rotation, once around in 2π frames
    tensor([[2., 2.],
            [2., 2.]])
    """
    along, up = _gradient(v[..., 1, :, :])[0], _gradient(v[..., 0, :, :])[1]
    return along - up


def transport_error(frames: Tensor) -> float:
    """‖ω(t + 1) − carried ω(t)‖ / ‖ω(t + 1) − ω(t)‖ over the interior: 0 where the flow only carries its vorticity.

    ω(t) is carried along by v(t): it is read one frame upstream, with bilinear interpolation between cells. The curl
    removes the pressure, so that velocities suffice; the rest is the source by buoyancy, the viscosity of the numerical
    scheme and the interpolation. Below 1 this rule forecasts better than repeating the last frame.

    Args:
        frames: [..., T, 2, H, W], T at least 2, row index along +y, in cells per frame.
    """
    v = frames.double().flatten(0, -5) if frames.dim() > 4 else frames.double()[None]
    omega = vorticity(v)
    now, then = omega[:, :-1].flatten(0, 1), omega[:, 1:].flatten(0, 1)
    height, width = now.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    inner = v[:, :-1, :, 1:-1, 1:-1].flatten(0, 1)
    upstream = [2 * (x - inner[:, 0]) / (width - 1) - 1, 2 * (y - inner[:, 1]) / (height - 1) - 1]
    carried = torch.nn.functional.grid_sample(
        now[:, None], torch.stack(upstream, dim=-1), padding_mode="border", align_corners=True
    )[:, 0]
    inside = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    return float(torch.linalg.vector_norm((then - carried)[inside]) / torch.linalg.vector_norm((then - now)[inside]))


def transport_errors(frames: Tensor, act: Action) -> list[float]:
    """:func:`transport_error` of frames [B, T, 2, H, W] under each element of a group.

    Figure 7 of the paper shows that the vectors of a field must turn with the field. This error puts a number on it: an
    action that maps flows to flows leaves this error of the data unchanged, for every element; one that turns the
    vectors wrongly does not. With the rows counted the wrong way quarter turns negate the vectors, which keeps the
    field free of divergence but reverses the flow in time.

    It shows that the fluid's dynamics commute with the action, to the accuracy of the data. What is only approximately
    symmetric in SMOKE does not show in the velocities: the force, on which the action does not act.
    """
    b, t = frames.shape[:2]
    return [
        transport_error(act(frames.flatten(0, 1), torch.full((b * t,), k)).unflatten(0, (b, t)))
        for k in range(act.group.order)
    ]


def _gradient(f: Tensor) -> tuple[Tensor, Tensor]:
    """(∂f/∂x, ∂f/∂y) in the interior of the last two dimensions (y, x)."""
    return (f[..., 1:-1, 2:] - f[..., 1:-1, :-2]) / 2, (f[..., 2:, 1:-1] - f[..., :-2, 1:-1]) / 2
