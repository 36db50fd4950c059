"""A weight that follows a target: raised while an error is above it, lowered while it is below."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from regrep.arguments import is_real, shown, whole
from regrep.errors import RegrepError

START = 0.1
"""Where a weight starts that was not given."""

RANGE = (1e-3, 1e2)
"""A weight stays between these multiples of where it started, so that a target out of reach does not bury the task."""


class DualWeight(nn.Module):
    """The weight of a term, as the dual variable of the constraint that an error stays below a target.

    In every training step the weight is multiplied by ``exp(step · d)``, with d the relative distance
    ``error / target - 1`` of the error from its target, at least -1 and at most 1: it doubles in about 70 steps far
    above the target with the default step, rests at the target, and follows noise of a batch by hundredths. It stays
    between a thousandth of where it started and a hundred times that. Nothing waits for the device.

    With ``steps`` the target moves from ``loose`` to its value over the first half of so many training steps, linearly,
    and rests then. ``state_dict`` has the weight and the steps that were taken, so that training resumes as it was.

    Args:
        target: of the error, > 0.
        start: of the weight, > 0.
        step: the most that the logarithm of the weight changes in a step, > 0.
        steps: length of the training, or None for a target that does not move.
        loose: where the target starts.

    Raises:
        RegrepError: a value out of range.

    >>> weight = DualWeight(target=0.5, start=0.2)
    >>> [round(float(weight(torch.tensor(error))), 4) for error in (1.0, 0.5, 0.0, 0.5)]
    [0.2, 0.202, 0.202, 0.2]
    """

    def __init__(
        self, target: float, start: float = START, step: float = 0.01, steps: int | None = None, loose: float = 1.0
    ) -> None:
        super().__init__()
        positive = {"a target": target, "the start of a weight": start, "target_step": step, "loose": loose}
        for name, value in positive.items():
            if not (is_real(value) and value > 0):
                raise RegrepError(f"{name} is a finite number above 0, got {shown(value)}")
        self.target, self.start, self.step, self.loose = float(target), float(start), float(step), float(loose)
        self.steps = None if steps is None else whole("steps, the length of the training,", steps, 1)
        self.value: Tensor
        self.taken: Tensor
        self.register_buffer("value", torch.tensor(self.start))
        self.register_buffer("taken", torch.tensor(0))

    def forward(self, error: Tensor) -> Tensor:
        """The weight in this step, a scalar; in training it is then changed for the next one.

        Args:
            error: what is compared with the target, a scalar; its gradient is not used.
        """
        if self.value.device != error.device:
            self.value, self.taken = self.value.to(error.device), self.taken.to(error.device)
        weight = self.value.clone()
        if self.training and torch.is_grad_enabled():
            self._move(error)
        return weight

    @torch.no_grad()
    def _move(self, error: Tensor) -> None:
        target: Tensor | float = self.target
        if self.steps is not None:
            target = self.loose + (self.target - self.loose) * (2 * self.taken / self.steps).clamp_max(1.0)
        # A batch without an error, such as one of nans, changes nothing.
        distance = (error.detach().float() / target - 1).nan_to_num(0.0).clamp(-1, 1)
        low, high = (math.log(self.start * bound) for bound in RANGE)
        self.value.copy_((self.value.log() + self.step * distance).clamp(low, high).exp())
        self.taken.add_(1)

    def extra_repr(self) -> str:
        """The settings."""
        return f"target={self.target}, start={self.start}, step={self.step}, steps={self.steps}"
