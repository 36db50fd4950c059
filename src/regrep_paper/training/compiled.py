"""What ``regrep fit --compile`` compiles: the one place that decides it."""

from __future__ import annotations

from typing import Any

from regrep_paper.training.module import ConfiguredModule


def compile_training(model: ConfiguredModule[Any], data: Any, whole_batches: bool) -> None:
    """Compile the training step of a model on its data, as one graph.

    The graph holds the objective, and also the making of its batch where all batches have the same size and the data
    can make them on the device from the number of the step (``data.resident()``): its random numbers are then those of
    :class:`regrep.actions.Draws`, not those of other training. Backward pass and optimiser are not part of it.

    It is not the default on any device. Captured steps were faster than others on one GPU in a measurement without this
    package's loop, but whole runs have not been compared there; compiling takes time that a short run does not regain.

    Raises:
        RegrepError: the objective cannot be compiled.
    """
    batches = None
    if whole_batches:  # a last batch of another size would be another graph
        data.setup()
        batches = data.resident()
    model.compile_step(batches)
    data.captured = batches is not None
