"""What ``regrep fit --compile`` compiles: the one place that decides it."""

from __future__ import annotations

from typing import Any

from regrep_paper.training.module import ConfiguredModule


def compile_training(model: ConfiguredModule[Any], data: Any, whole_batches: bool, capture: bool = False) -> None:
    """Compile the training step of a model on its data, as one graph.

    Where all batches have the same size and the data can make them on the device from the number of the step
    (``data.resident()``), the graph makes them too: its random numbers are then those of
    :class:`regrep.actions.Draws`, not those of other training. If steps can be captured (see
    :func:`~regrep_paper.training.captured.can_capture`) such a graph is a CUDA graph, which also holds the gradients
    and the update of the weights and needs no compiler; otherwise ``torch.compile`` makes a graph of the objective.

    Args:
        model: what is trained.
        data: its data module.
        whole_batches: whether all batches have the same size; another size would be another graph.
        capture: whether steps can be captured.

    Raises:
        RegrepError: the objective cannot be compiled.
    """
    batches = None
    if whole_batches:
        data.setup()
        batches = data.resident()
    model.compile_step(batches, capture and batches is not None)
    data.captured = batches is not None
