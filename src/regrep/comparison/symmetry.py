"""How equivariant a network of a comparison is."""

from __future__ import annotations

import math
import warnings
from typing import Any

from torch import Tensor, nn

from regrep.actions.trees import rows
from regrep.comparison.placement import Placement
from regrep.comparison.task import Metric, Task
from regrep.diagnostics.equivariance import CollapseWarning, equivariance_error
from regrep.diagnostics.reading import EvaluationWarning
from regrep.diagnostics.through import through_layer, through_rho
from regrep.errors import RegrepError
from regrep.representations import trivial

MEASURED, AVERAGED = 512, 64
"""At most this many samples are measured, and of outputs that are averages, which take a pass for each element."""

NAMES = ("whitened_error", "through_rho", "output_error")


def symmetry_of(
    task: Task,
    network: nn.Module,
    used: nn.Module | None,
    place: Placement | None,
    metric: Metric,
    pair: tuple[Any, Any],
) -> dict[str, float | None]:
    """Whitened error of the latent, the metric through rho, and the error of the outputs; None where undefined.

    Args:
        task: the task.
        network: the network.
        used: what makes the outputs, if it is not the network itself but an average.
        place: its latent, or None if there is none.
        metric: the metric.
        pair: samples and targets.
    """
    x, y = (rows(part, slice(MEASURED)) for part in pair)
    found: dict[str, float | None] = dict.fromkeys(NAMES)
    if place is not None:
        error = equivariance_of(network, x, task, place.rho, place.layer)
        found["whitened_error"] = None if error is None else _plain(error.mean_whitened_error)
        found["through_rho"] = _through(task, network, place, metric, x, y)
    outputs = used or network
    if used is not None:
        x = rows(x, slice(AVERAGED))
    rho = task.output_action
    if rho is None and isinstance(y, Tensor):
        with_outputs = _outputs(outputs, x)
        rho = None if with_outputs is None else trivial(task.group, with_outputs.shape[-1])
    if rho is not None:
        error = equivariance_of(outputs, x, task, rho, None)
        found["output_error"] = None if error is None else _plain(error.mean_total)
    return found


def equivariance_of(network: nn.Module, x: Any, task: Task, rho: Any, layer: Any) -> Any:
    """The errors, or None for latents that no error is defined for."""
    try:
        with warnings.catch_warnings():
            # A latent that does not vary has errors that are nan, which a table shows as a dash.
            warnings.simplefilter("ignore", CollapseWarning)
            warnings.simplefilter("ignore", EvaluationWarning)
            return equivariance_error(network, x, task.input_action, rho, layer)
    except RegrepError:
        return None


def _through(task: Task, network: nn.Module, place: Placement, metric: Metric, x: Any, y: Any) -> float | None:
    def mean(outputs: Any, targets: Any) -> float:
        return float(metric.scores(outputs, targets).mean())

    try:
        if place.split:
            encoder: Any = network.encoder
            head: Any = network.head
            found = through_rho(encoder, head, x, y, task.input_action, place.rho, mean, task.output_action)
        else:
            found = through_layer(network, place.layer, x, y, task.input_action, place.rho, mean, task.output_action)
    except (RegrepError, TypeError, AttributeError):  # of trees, and of layers that return no tensor
        return None
    return _plain(found.mean)


def _outputs(network: nn.Module, x: Any) -> Tensor | None:
    from regrep.diagnostics.reading import evaluating

    with evaluating(network):
        found = network(rows(x, slice(1)))
    return found if isinstance(found, Tensor) and found.dim() > 1 else None


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
