"""The abstract action of a group on data."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from regrep.arguments import check_tensor
from regrep.errors import RegrepError
from regrep.groups.finite import FiniteGroup, check_group, check_range
from regrep.groups.large import LargeGroup


class Action(ABC):
    """A left action of a finite group on batches: ``act(act(x, h), g) == act(x, mul[g, h])``.

    ``act(x, g)`` transforms sample b of x [B, ...] by element g[b], without a loop over the samples, on the
    device and in the dtype of x. Representations are the linear actions on the last dimension;
    :class:`~regrep.actions.FunctionAction` makes an action of any function.

    Attributes:
        group: the group that acts.
        exact: whether the law above holds exactly; False where the action interpolates.
    """

    group: FiniteGroup
    exact: bool = True

    def __call__(self, x: Tensor, g: Tensor) -> Tensor:
        """Transform each sample by its own element.

        Args:
            x: [B, ...].
            g: int64 [B], or [B, degree] for a :class:`~regrep.groups.LargeGroup`.

        Raises:
            RegrepError: the group does not act on this shape, or an element is out of range.
        """
        check_elements(self.group, g, x)
        self.check(x)
        return self.apply(x, g)

    def check(self, x: Tensor) -> None:  # noqa: B027 - by default every shape is accepted
        """Raise if x has a shape on which the group does not act."""

    @abstractmethod
    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Transform each sample without checking the arguments."""

    def inside(self, x: Tensor) -> Tensor | None:
        """1 for the entries of x that no element moves out of the data, 0 for others; None if there are no others."""
        return None

    def round_trip_error(self, x: Tensor) -> Tensor:
        """‖g^-1 (g x) - x‖ / ‖x‖ for each element, float64 [n], within what stays in the data.

        0 for exact actions. A model error that is not clearly larger says nothing about the model.
        """
        check_group(self.group)
        check_tensor("x", x, 1)
        self.check(x)
        if self.exact:
            return torch.zeros(self.group.order, dtype=torch.float64)
        x = x if x.is_floating_point() else x.double()
        inside = self.inside(x)
        kept = 1 if inside is None else inside.to(x)
        errors = []
        for k in range(self.group.order):
            there = torch.full((len(x),), k, device=x.device)
            back = torch.full_like(there, int(self.group.inverse[k]))
            lost = (self(self(x, there), back) - x) * kept
            errors.append(float(lost.double().norm() / (x * kept).double().norm()))
        return torch.tensor(errors, dtype=torch.float64)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.group.name})"


def check_elements(group: FiniteGroup, g: Tensor, x: Tensor) -> None:
    """Raise unless there is one element of the group per sample.

    The range is checked only on the CPU and outside compiled code.
    """
    for what, value in (("group elements", g), ("what they move", x)):
        if not isinstance(value, Tensor):
            raise RegrepError(
                f"{what} are one tensor, got a {type(value).__name__}; pass a tensor with the batch first"
            )
    if isinstance(group, LargeGroup):
        group.check(g)
    elif g.dtype != torch.int64 or g.dim() != 1:
        raise RegrepError(
            f"group elements are an int64 tensor [B], one per sample, got {str(g.dtype)[6:]} {list(g.shape)}"
        )
    if x.dim() == 0 or len(g) != len(x):
        raise RegrepError(
            f"one group element per sample is needed, got {len(g)} for data of shape {list(x.shape)};"
            " put the batch first"
        )
    if g.device.type == "meta" and x.device.type != "meta":
        raise RegrepError("group elements have values, but these are on the meta device; move them to that of the data")
    if not isinstance(group, LargeGroup):
        check_range(group, g)
