"""Tasks that are broken in every part: one sentence that names the part, before what is in vain."""

import pytest
import torch
from torch import nn

import regrep
from regrep import comparison
from regrep.comparison import ARMS, Splits
from regrep.comparison.records import Trained
from regrep.errors import RegrepError

C4 = regrep.groups.cyclic(4)
X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 1, 0, 1, 1, 0])
PAIR = (X, Y)


class Silent(Exception):
    def __str__(self):
        raise RuntimeError


def fails(error):
    def function(*arguments):
        raise error

    return function


def task(**changes):
    given = {
        "model": lambda seed: nn.Linear(4, 2), "data": Splits(PAIR, PAIR, PAIR), "input_action": regrep.regular(C4),
        "loss": nn.functional.cross_entropy, "steps": 2, "batch": 4,
    }  # fmt: skip
    return regrep.Task(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": lambda seed: nn.Identity()}, "the model of task has no parameters to train"),
        ({"model": fails(SystemExit(0))}, r"model\(0\) of the task failed with SystemExit: 0"),
        ({"model": fails(Silent())}, r"model\(0\) of the task failed with Silent: no message"),
        ({"optimiser": fails(ValueError("no"))}, "the optimiser failed with ValueError: no"),
        ({"optimiser": torch.optim.LBFGS}, "a step of the optimiser failed with TypeError"),
        ({"schedule": fails(ValueError("no"))}, "the schedule failed with ValueError: no"),
        ({"schedule": lambda done: "a"}, "is a finite number, got 'a'"),
        ({"schedule": lambda done: float("nan")}, "is a finite number, got nan"),
        ({"data": Splits(PAIR, PAIR, None)}, r"test is a pair \(inputs, targets\), got None"),
        ({"data": Splits(PAIR, PAIR, (X[:0], Y[:0]))}, "test holds at least one input"),
        ({"data": Splits(PAIR, PAIR, (X, Y[:3]))}, "got 6 inputs and 3 targets"),
    ],
)
def test_a_part_of_a_task_is_broken(changes, message):
    with pytest.raises(RegrepError, match=message) as found:
        regrep.compare(task(**changes), ["plain"], seeds=1)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: comparison.train(None, ARMS["plain"], None, 0), "trained for a regrep.Task, got None"),
        (lambda: comparison.train(task(), "plain", None, 0), "one of regrep.comparison.ARMS, got 'plain'"),
        (lambda: comparison.train(task(), ARMS["plain"], "1", 0), "a number or None, got '1'"),
        (lambda: comparison.train(task(), ARMS["plain"], None, "0"), "the seed of a network is an integer"),
        (lambda: comparison.evaluate(task(), ARMS["plain"], None, 0, [1]), "a dictionary of tensors"),
        (lambda: comparison.evaluate(task(), ARMS["plain"], None, 0, {"weight": 3}), "do not fit the model of task"),
        (lambda: comparison.choose([3], True), "Trained networks, got 3"),
        (lambda: comparison.choose(3, True), "Trained networks, got 3"),
        (lambda: comparison.holm(["a"]), "are given by name"),
        (lambda: comparison.holm({"a": 2.0}), "probabilities from 0 to 1"),
        (lambda: comparison.interval_of("abc"), "an array of numbers, got 'abc'"),
        (lambda: comparison.interval_of([0.0, 1.0], level=2), "a share between 0 and 1"),
        (lambda: comparison.verdict("abc", "augmented", 1), "a list of Findings"),
        (lambda: regrep.compare(task(), progress=3), "progress is a module or a function"),
        (lambda: regrep.nn.LatentSymmetry([], None), "an action has a group"),
        (lambda: regrep.nn.MeanTeacher(nn.LazyLinear(3)), "run the lazy layers of the network once"),
        (lambda: regrep.actions.RotateFlip2d(C4).keeping("ab"), "a lattice has 2 sizes, integers, got 'ab'"),
        (lambda: regrep.actions.RotateFlip2d(C4).keeping((2, 2, 2)), "a lattice has 2 sizes"),
    ],
)
def test_wrong_arguments_of_comparisons(call, message):
    with pytest.raises(RegrepError, match=message):
        call()


@pytest.mark.parametrize("arm", [[], {}, 3, "no arm"])
def test_a_record_belongs_to_an_arm(arm):
    with pytest.raises(RegrepError, match="a record belongs to an arm"):
        Trained.from_dict({"arm": arm})


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ({"steps": 2, "batch": 4}, 2),
        ({"steps": None, "epochs": 3, "batch": 4}, 6),  # six samples: a whole batch and a part of one
        ({"steps": None, "epochs": 3, "batch": 6}, 3),
        ({"steps": None, "epochs": 3, "batch": 7}, 3),
        ({"steps": None, "batch": 1}, 180),
    ],
)
def test_a_task_says_how_many_steps_it_takes(given, steps):
    found = task(**given)
    assert found.step_count(found.splits(0)) == steps


def test_targets_tell_the_metric():
    classes = task()
    assert classes.metric_for(classes.splits(0)).name == "accuracy"
    assert classes.classifies(classes.splits(0))
    numbers = (X, X[:, :2])
    values = task(data=Splits(numbers, numbers, numbers), loss=nn.functional.mse_loss)
    assert values.metric_for(values.splits(0)).name == "squared error"
    assert not values.classifies(values.splits(0))


def test_the_usual_metrics_by_hand():
    scores = torch.tensor([[1.0, 2.0, 0.0], [3.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    hits = comparison.task.ACCURACY.scores(scores, torch.tensor([1, 2, 2]))
    assert (hits.tolist(), hits.dtype, comparison.task.ACCURACY.larger_is_better) == ([1, 0, 1], torch.float64, True)
    outputs, targets = torch.tensor([[[1.0, 2.0]], [[3.0, 5.0]]]), torch.tensor([[[0.0, 0.0]], [[3.0, 3.0]]])
    errors = comparison.task.SQUARED_ERROR.scores(outputs, targets)
    assert (errors.tolist(), comparison.task.SQUARED_ERROR.larger_is_better) == ([2.5, 2.0], False)
    learned = torch.ones(3, requires_grad=True)
    assert not comparison.Metric("m", lambda outputs, y: outputs).scores(learned, learned).requires_grad
    one = comparison.Metric("m", lambda outputs, y: 0.25).scores(scores, torch.zeros(3))
    assert (one.tolist(), one.dtype) == ([0.25], torch.float64)
    for wrong in (torch.ones(2), torch.ones(3, 1), torch.ones(3) + 0j, "0.5", None):
        with pytest.raises(RegrepError, match="the metric m is a number, or one score for each of the 3 samples, got"):
            comparison.Metric("m", lambda outputs, y, wrong=wrong: wrong).scores(scores, torch.zeros(3))
