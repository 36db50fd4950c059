"""The abstract action of a group on data."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from regrep.groups import FiniteGroup
from regrep.representations.representation import check_elements


class Action(ABC):
    """A left action of a finite group on batches: ``act(act(x, h), g) == act(x, mul[g, h])``.

    ``act(x, g)`` transforms sample b of x [B, ...] by element g[b], without a loop over the samples, on the
    device and in the dtype of x.

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
            g: int64 [B].

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.group.name})"
