"""Vector fields in the plane: the group permutes the points and rotates the vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from regrep.actions.images import Rows, on_axes, plane_matrices, turn_of
from regrep.actions.lattice import LatticeAction
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.representations import PermutationRepresentation


class VectorField2d(Action):
    """C1, C2, C4, D1, D2, D4 on vector fields [B, 2·frames, H, H] with channels (vx, vy) per frame.

    ``(g v)(p) = g v(g^-1 p)``, exactly; all but C4 and D4 also on fields [B, 2·frames, H, W]. vx points to the right
    (growing column), vy upwards; r turns counter-clockwise, s mirrors left and right. ``rows`` says which way the row
    index runs: ``"down"`` as in displayed pictures, ``"up"`` where it grows with +y, as in simulations. With the wrong
    one, quarter turns negate the vectors.

    Args:
        group: one of the six.
        rows: ``"down"`` or ``"up"``.

    Raises:
        RegrepError: another group, or another value of rows.

    >>> import regrep
    >>> act = VectorField2d(regrep.groups.cyclic(4))
    >>> right = torch.zeros(1, 2, 2, 2)
    >>> right[:, 0] = 1
    >>> act(right, torch.tensor([1]))[0, :, 0, 0].abs().tolist()  # a quarter turn: it points upwards
    [0.0, 1.0]
    """

    def __init__(self, group: FiniteGroup, rows: Rows = "down") -> None:
        if not isinstance(rows, str) or rows not in get_args(Rows):
            raise RegrepError(f'rows run "down" (pictures) or "up" (row index grows with +y), got {rows!r}')
        if turn_of(group)[0] not in (1, 2, 4):
            raise RegrepError(f"vector fields are transformed exactly by C1, C2, C4, D1, D2 and D4, got {group.name}")
        self.group, self.rows = group, rows
        plane = plane_matrices(group)
        # Exchanging vx and vy reverses the axis of the components, which has two entries.
        exchange = plane[:, :1, :1].abs() * 2 - 1
        axes = torch.cat([nn.functional.pad(exchange, (0, 2)), nn.functional.pad(on_axes(plane, rows), (1, 0))], dim=1)
        self._entries = LatticeAction(group, axes, "square fields", plane.sum(dim=1).long())
        self._points = LatticeAction(group, on_axes(plane, rows), "square fields")

    def check(self, x: Tensor) -> None:
        """Pairs of channels, of a shape that the group keeps, signed."""
        if x.dim() != 4 or x.shape[1] % 2:
            raise RegrepError(
                f"VectorField2d needs fields [B, 2·frames, H, H] with channels (vx, vy) per frame, got {list(x.shape)}"
            )
        self._points.check_sizes(x, "VectorField2d")
        if x.dtype in (torch.uint8, torch.bool):
            raise RegrepError(
                f"transformed vectors change signs, which {str(x.dtype)[6:]} has none of; convert to a signed type"
            )

    def pixels(self, size: int | Sequence[int]) -> PermutationRepresentation:
        """The permutation representation on the points, H² or H·W, with the rows in the direction of this action.

        >>> import regrep
        >>> up, down = (VectorField2d(regrep.groups.cyclic(4), rows).pixels(2) for rows in ("up", "down"))
        >>> picture = torch.tensor([[1, 2, 3, 4]])  # rows 1 2 and 3 4
        >>> up(picture, torch.tensor([1])).tolist(), down(picture, torch.tensor([1])).tolist()
        ([[3, 1, 4, 2]], [[2, 4, 1, 3]])
        """
        return self._points.pixels(size)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Change the signs, then permute points and components together."""
        return self._entries.apply(x.reshape(len(x), x.shape[1] // 2, 2, *x.shape[-2:]), g).reshape(x.shape)
