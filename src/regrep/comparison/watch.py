"""Whether the losses of a training are finite, and how long its steps take, without waiting for a device in each."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from regrep.arguments import shown
from regrep.comparison.devices import CPU, wait_for
from regrep.errors import RegrepError
from regrep.objectives import DualWeight

EVERY, LOOKS = 50, 5
"""On an accelerator losses are read after so many steps, and at least so many times in a training."""

NOTED = 40
"""At most so many values of a course are kept."""

WARMING = 3
"""So many of the first times are left out of the median, if there are more."""


class Watch:
    """Reads the losses of the steps: each at once on the CPU; on an accelerator many together, at most every 50 steps.

    Reading a loss waits for the device, which otherwise computes while the next steps are prepared. A time is that of
    the steps between two readings, divided by their number; on the CPU, of one step without the making of its batch.

    Args:
        device: of the losses.
        steps: number of steps.

    >>> watch = Watch(torch.device("cpu"), 2)
    >>> watch.begin()
    >>> watch.seen(torch.tensor(math.inf, requires_grad=True))
    Traceback (most recent call last):
    regrep.errors.RegrepError: the loss of step 0 is finite, got inf; lower the learning rate
    """

    def __init__(self, device: torch.device, steps: int) -> None:
        self.device, self.steps = device, steps
        self.every = 1 if device == CPU else max(1, min(EVERY, steps // LOOKS))
        self.seconds: list[float] = []
        self._losses: list[Tensor] = []
        self.done, self._first, self._began = 0, 0, 0.0

    @property
    def step_seconds(self) -> float:
        """Median time of a step."""
        return statistics.median(self.seconds[min(WARMING, len(self.seconds) - 1) :])

    def begin(self) -> None:
        """A step begins, with its batch made."""
        if self.done == self._first:
            self._began = time.perf_counter()

    def seen(self, total: Any) -> None:
        """The loss of the step.

        Raises:
            RegrepError: it is no scalar with a gradient, or it or one before is not finite.
        """
        if not isinstance(total, Tensor) or total.dim() or not total.requires_grad:
            raise RegrepError(f"loss(outputs, targets) returns a scalar tensor with a gradient, got {shown(total)}")
        self._losses.append(total.detach())
        if self.every == 1:
            self._read()

    def end(self) -> None:
        """A step was taken.

        Raises:
            RegrepError: a loss since the last reading is not finite.
        """
        self.done += 1
        if self.done - self._first < self.every and self.done < self.steps:
            return
        self._read()
        wait_for(self.device)
        self.seconds.append((time.perf_counter() - self._began) / (self.done - self._first))
        self._first = self.done

    def _read(self) -> None:
        if not self._losses:
            return
        values = torch.stack(self._losses).cpu().tolist()
        self._losses.clear()
        for step, value in enumerate(values, start=self._first):
            if not math.isfinite(value):
                raise RegrepError(f"the loss of step {step} is finite, got {value}; lower the learning rate")


class Course:
    """The course of a weight that follows a target, at equal distances of at most so many steps that 40 are noted.

    Nothing waits for the device before :attr:`values` are asked for.

    Args:
        weight: the weight, or None for a training without one.
        steps: number of steps.

    >>> from regrep.objectives import DualWeight
    >>> course = Course(weight := DualWeight(0.5, start=0.2), 60)
    >>> for step in range(60):
    ...     course.note(step)
    ...     _ = weight(torch.tensor(1.0))
    >>> len(course.values), [round(value, 4) for value in course.values[:2]]
    (30, [0.2, 0.204])
    """

    def __init__(self, weight: DualWeight | None, steps: int) -> None:
        self.weight, self.every = weight, math.ceil(steps / NOTED)
        self._noted: list[Tensor] = []

    def note(self, step: int) -> None:
        """Note the weight with which a step begins, if it is the turn of that step."""
        if self.weight is not None and step % self.every == 0:
            self._noted.append(self.weight.value.clone())

    @property
    def values(self) -> tuple[float, ...]:
        """What was noted, in order; nothing for a training without such a weight."""
        if self.weight is None or not self._noted:
            return ()
        there = [one.to(self.weight.value.device) for one in self._noted]  # a weight begins on the CPU
        return tuple(torch.stack(there).cpu().tolist())


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Seconds until a device has done what a call asks of it, and nothing else."""
    wait_for(device)
    began = time.perf_counter()
    call()
    wait_for(device)
    return time.perf_counter() - began
