"""What a teacher says of a sample as the target of the outputs for gx."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from regrep.actions import Action, sample
from regrep.actions.trees import moved
from regrep.groups import LargeGroup
from regrep.objectives.modules import current
from regrep.objectives.output_losses import OutputLoss, on_scores, towards
from regrep.placed import Placed

TeacherView = Literal["other", "same", "own"]
"""What a teacher sees: g'x with another random element, gx as the network does, or x itself."""


class Teaching:
    """The distance of f(gx) from a teacher's outputs, moved so that they are outputs for gx, without gradient to it.

    Args:
        teacher: inputs -> outputs of the network's form, or a model and the name of a part.
        view: what it sees.
        loss: the distance; of ``"kl"`` the divergence of the outputs from the teacher's.
        input_action: how G acts on x.
        output_action: how G acts on outputs; None if they are invariant.
    """

    def __init__(
        self, teacher: Any, view: TeacherView, loss: OutputLoss, input_action: Action, output_action: Any
    ) -> None:
        self._teacher, self.view, self.loss = teacher, view, loss
        self.input_action, self.output_action = input_action, on_scores(output_action)
        group = input_action.group
        tabled = output_action is not None and not isinstance(group, LargeGroup)
        self._quotients = Placed(group.mul[:, group.inverse] if tabled else torch.zeros(0))

    @property
    def teacher(self) -> Callable[..., Any]:
        """The teacher; looked up now if it was given as a model and a name."""
        return current(self._teacher)

    def __call__(
        self,
        outputs_g: Any,
        x: Any,
        gx: Any,
        g: Tensor,
        generator: torch.Generator | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Tensor:
        """The distance, a scalar.

        Args:
            outputs_g: f(gx), [n, ...] or a tree.
            x: [n, ...], inputs.
            gx: [n, ...], the inputs transformed.
            g: int64 [n], or [n, degree] of a large group.
            generator: for drawing the teacher's elements.
            arguments: further arguments of the teacher by name.
        """
        with torch.no_grad():
            element, seen = g, x
            if self.view == "other":
                other = sample(self.input_action.group, len(g), generator=generator, device=g.device)
                seen = self.input_action(x, other)
                if self.output_action is not None:
                    element = self._quotient(g, other)
            elif self.view == "same":
                seen = gx
            target = self.teacher(seen, **(arguments or {}))
            if self.view != "same":
                target = moved(self.output_action, target, element)
        return towards(target, outputs_g, self.loss)

    def _quotient(self, g: Tensor, other: Tensor) -> Tensor:
        """G h^-1."""
        group = self.input_action.group
        if isinstance(group, LargeGroup):
            return group.multiply(g, group.invert(other))
        return self._quotients.on(g.device)[g, other]

    def __repr__(self) -> str:
        return f"teacher={type(self.teacher).__name__}, teacher_view={self.view!r}"
