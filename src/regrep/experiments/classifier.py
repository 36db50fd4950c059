"""A classifier that is one cell of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regrep.objectives import EquivariantObjective
from regrep.training.module import ClassifierModule, EncoderHead


class CellClassifier(ClassifierModule):
    """A network under an objective, with the settings that name the cell.

    Args:
        network: module with ``encoder`` and ``head``.
        learning_rate: of Adam, > 0.
        objective: on the encoder and head of the network.
        cell: the settings, resolved.
    """

    def __init__(
        self, network: EncoderHead, learning_rate: float, objective: EquivariantObjective, cell: Mapping[str, Any]
    ) -> None:
        super().__init__(network, learning_rate)
        self._objective, self._cell = objective, dict(cell)

    @property
    def objective(self) -> EquivariantObjective:
        """Section 5's objective on the encoder's output."""
        return self._objective

    def cell(self) -> dict[str, Any]:
        """The settings that name this cell."""
        return dict(self._cell)
