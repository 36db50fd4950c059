"""A task: a model, data with a symmetry, a loss and a metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions.trees import as_action, mapped, samples_in, tensor_in
from regrep.arguments import check_callable, check_flag, check_text, is_real, shown, whole
from regrep.comparison.devices import CPU, device_named, on_device, seeded
from regrep.comparison.failures import blamed
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup

WEIGHTS = (0.1, 0.3, 1.0, 3.0)
"""The grid of weights, the same for every arm that has one."""


@dataclass(frozen=True, eq=False)
class Splits:
    """Samples to train, validate and test on; each a pair (inputs, targets), tensors or trees of tensors [N, ...].

    Attributes:
        train: labelled samples.
        validation: chooses the weights of the arms.
        test: looked at once, for the chosen weights.
        unlabelled: further inputs without targets, or None.
    """

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]
    unlabelled: Any = None


@dataclass(frozen=True, eq=False)
class Metric:
    """What is compared.

    Attributes:
        name: in tables.
        function: (outputs [N, ...], targets [N, ...]) -> a score for each sample [N], whose mean is the metric, or one
            number; always called with tensors on the CPU. With scores the intervals cover the test samples too, with a
            number the seeds alone.
        larger_is_better: False for an error.
    """

    name: str
    function: Callable[[Any, Any], Any]
    larger_is_better: bool = True

    def __post_init__(self) -> None:
        check_flag("larger_is_better", self.larger_is_better)

    def scores(self, outputs: Any, targets: Any) -> Tensor:
        """The scores, float64 [N], or [1] for a metric that is one number.

        Raises:
            RegrepError: anything else than finite numbers.
        """
        with blamed(f"the metric {self.name}"):
            found = self.function(on_device(outputs, CPU), on_device(targets, CPU))
        values = None
        if isinstance(found, Tensor) and not found.is_complex():
            values = found.detach().to("cpu", torch.float64)
        elif isinstance(found, float) or is_real(found):
            values = torch.tensor(float(found), dtype=torch.float64)
        count = samples_in(targets)
        if values is None or (values.dim() and list(values.shape) != [count]):
            raise RegrepError(
                f"the metric {self.name} is a number, or one score for each of the {count} samples, got {shown(found)};"
                " return a float or a tensor [N]"
            )
        if not bool(values.isfinite().all()):
            raise RegrepError(f"the metric {self.name} is a finite number, got NaN or infinity; check loss and rate")
        return values.reshape(-1)


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 for each sample whose largest output is the target's, else 0; [N]."""
    return (outputs.argmax(dim=1) == targets).double()


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean over the coordinates of the squared difference, for each sample; [N]."""
    return (outputs - targets).square().flatten(1).mean(dim=1)


ACCURACY = Metric("accuracy", accuracy)
SQUARED_ERROR = Metric("squared error", squared_error, larger_is_better=False)


def decaying(done: float) -> float:
    """Factor of the learning rate at this share of the steps: up in the first tenth, then down along a cosine.

    >>> decaying(0.05), decaying(0.1), round(decaying(0.55), 3), round(decaying(1.0), 3)
    (0.5, 1.0, 0.5, 0.0)
    """
    return done / 0.1 if done < 0.1 else 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


@dataclass(frozen=True, eq=False)
class Task:
    """What :func:`regrep.compare` compares arms on.

    Attributes:
        model: seed -> network, a module inputs -> outputs; called with torch's global generator seeded. A network with
            children ``encoder`` and ``head``, ``head(encoder(x))``, has its latent between them.
        data: the splits, or seed -> splits, for instance with labels drawn by the seed. If the test samples are the
            same for each seed, intervals are narrower.
        loss: (outputs, targets) -> scalar mean over the samples.
        input_action: how G acts on inputs; a tree of actions for a tree of inputs.
        name: of the task.
        metric: a :class:`Metric`; by default the accuracy for targets that are integers, else the squared error.
        output_action: how G acts on outputs and targets; None if they are invariant.
        layer: the layer whose latent is penalised; by default ``encoder``, or else the last one whose latent has room.
        latent: representation on that latent; by default what :func:`regrep.suggest_latent` proposes.
        steps: steps of the optimiser, the same number for every arm; give these or epochs.
        epochs: passes over the labelled samples instead; 30 if nothing is given.
        batch: labelled samples in a step.
        unlabelled_batch: unlabelled samples in a step; by default as many.
        optimiser: parameters -> optimiser; by default Adam with rate ``lr``.
        lr: learning rate of the default optimiser.
        schedule: share of the steps done -> factor of the rate.
        weights: the grid for every arm that has a weight.
        device: where networks are trained and tested, such as ``"cuda"``. The samples of a run are moved there once;
            which samples and elements a step sees is the same on every device.

    Raises:
        RegrepError: an attribute that does not fit.

    >>> import regrep
    >>> act, x = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4)), torch.rand(60, 1, 8, 8)
    >>> down, right = torch.gradient(x, dim=(2, 3))
    >>> y = torch.cat([right, -down], dim=1)  # at each pixel a vector (vx, vy), to the right and up
    >>> task = Task(
    ...     model=lambda seed: nn.Conv2d(1, 2, 3, padding=1),
    ...     data=Splits(train=(x[:20], y[:20]), validation=(x[20:40], y[20:40]), test=(x[40:], y[40:])),
    ...     loss=nn.functional.mse_loss,
    ...     input_action=act,
    ...     output_action=regrep.actions.VectorField2d(act.group, rows="down"),
    ...     steps=200,
    ... )
    >>> task.group.name, task.metric_for(task.splits(seed=0)).name, task.network(seed=0)(x).shape
    ('C4', 'squared error', torch.Size([60, 2, 8, 8]))
    >>> quarter = torch.ones(60, dtype=torch.int64)
    >>> turned = torch.gradient(act(x, quarter), dim=3)[0]
    >>> torch.allclose(turned, task.output_action(y, quarter)[:, :1])
    True
    """

    model: Callable[[int], nn.Module]
    data: Splits | Callable[[int], Splits]
    loss: Callable[[Any, Any], Tensor]
    input_action: Any
    name: str = "task"
    metric: Metric | None = None
    output_action: Any = None
    layer: Any = None
    latent: Any = None
    steps: int | None = None
    epochs: int | None = None
    batch: int = 64
    unlabelled_batch: int | None = None
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] | None = None
    lr: float = 2e-3
    schedule: Callable[[float], float] = decaying
    weights: tuple[float, ...] = field(default=WEIGHTS)
    device: Any = "cpu"

    def __post_init__(self) -> None:
        """Check what can be checked without running anything."""
        check_text("the name of a task", self.name)
        for what in ("model", "loss", "schedule"):
            check_callable(f"{what} of a task", getattr(self, what))
        if not isinstance(self.data, Splits):
            check_callable("data of a task, if they are no Splits,", self.data)
        if self.metric is not None and not isinstance(self.metric, Metric):
            raise RegrepError(f"metric is a regrep.comparison.Metric(name, function), got {shown(self.metric)}")
        for what in ("input_action", "output_action"):
            action = as_action(getattr(self, what))
            object.__setattr__(self, what, action)
            if action is None and what == "output_action":
                continue
            if not (callable(action) and isinstance(getattr(action, "group", None), FiniteGroup)):
                raise RegrepError(f"{what} is an action of a group, got {shown(action)}; see regrep.actions")
        others = [("acts on the outputs", self.output_action), ("is represented on the latent", self.latent)]
        for what, other in others:
            group = getattr(other, "group", self.group)
            if group != self.group:
                raise RegrepError(
                    f"{group.name} {what}, but {self.group.name} acts on the inputs; use one group for both"
                )
        if self.steps is not None and self.epochs is not None:
            raise RegrepError(f"give steps or epochs, got {shown(self.steps)} steps and {shown(self.epochs)} epochs")
        for what in ("steps", "epochs", "batch", "unlabelled_batch"):
            if getattr(self, what) is not None:
                whole(f"{what} of a task", getattr(self, what), 1, 10**9)
        if not is_real(self.lr) or self.lr <= 0:
            raise RegrepError(f"lr is a learning rate above 0, got {shown(self.lr)}")
        grid = self.weights if isinstance(self.weights, tuple | list) else ()
        if not grid or not all(is_real(w) and w > 0 for w in grid) or len(set(grid)) < len(grid):
            raise RegrepError(f"weights are different numbers above 0, got {shown(self.weights)}")
        object.__setattr__(self, "weights", tuple(sorted(map(float, grid))))
        object.__setattr__(self, "device", device_named(self.device))

    @property
    def group(self) -> FiniteGroup:
        """The group."""
        return self.input_action.group

    def splits(self, seed: int) -> Splits:
        """The data of a seed.

        Raises:
            RegrepError: a split is missing or empty, or inputs and targets do not fit together.
        """
        with blamed(f"data({seed}) of the task"):
            splits = self.data if isinstance(self.data, Splits) else self.data(seed)
        if not isinstance(splits, Splits):
            raise RegrepError(f"data(seed) returns regrep.comparison.Splits, got {shown(splits)}")
        for name in ("train", "validation"):
            check_pair(name, getattr(splits, name))
        check_pair_of("test", splits.test)  # nothing looks at its samples before the test
        if splits.unlabelled is not None and not samples_in(splits.unlabelled, what="the unlabelled inputs"):
            raise RegrepError("unlabelled holds at least one input, got none; pass None instead")
        return splits

    def network(self, seed: int) -> nn.Module:
        """A new network with the initial weights of a seed, on the CPU.

        Raises:
            RegrepError: the factory returns no module.
        """
        seed = whole("the seed of a network", seed, 0, 2**63 - 1)
        with seeded(seed), blamed(f"model({seed}) of the task"):
            network = self.model(seed)
        if not isinstance(network, nn.Module):
            raise RegrepError(f"model(seed) returns a torch module, got {shown(network)}")
        if any(map(nn.parameter.is_lazy, (*network.parameters(), *network.buffers()))):
            raise RegrepError(
                "model(seed) returns a network whose layers know their sizes, got a lazy one; call it once on a sample"
                " before it is returned"
            )
        return network

    def metric_for(self, splits: Splits) -> Metric:
        """The metric: the given one, or the usual one for the targets."""
        if self.metric is not None:
            return self.metric
        y = tensor_in(splits.validation[1])
        return SQUARED_ERROR if y.is_floating_point() else ACCURACY

    def classifies(self, splits: Splits) -> bool:
        """Whether targets are classes, so that averages are those of probabilities."""
        y = splits.validation[1]
        return isinstance(y, Tensor) and not y.is_floating_point() and y.dim() == 1 and self.output_action is None

    def step_count(self, splits: Splits) -> int:
        """Steps of training."""
        if self.steps is not None:
            return self.steps
        return (self.epochs or 30) * math.ceil(samples_in(splits.train[0]) / self.batch)


def chosen(tree: Any, index: Tensor) -> Any:
    """The samples of a tree at these places."""
    return mapped(lambda path, leaf: leaf[index] if leaf.dim() else leaf, tree)


def check_pair_of(name: str, pair: Any) -> None:
    """Raise unless a split is a pair."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise RegrepError(f"{name} is a pair (inputs, targets), got {shown(pair)}")


def check_pair(name: str, pair: Any) -> None:
    """Raise unless a split is a pair of inputs and as many targets."""
    check_pair_of(name, pair)
    x, y = samples_in(pair[0], what=f"the inputs of {name}"), samples_in(pair[1], what=f"the targets of {name}")
    if not x or x != y:
        raise RegrepError(f"{name} holds at least one input and one target for each, got {x} inputs and {y} targets")
