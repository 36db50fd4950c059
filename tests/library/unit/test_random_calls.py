"""Careless and random calls: a sentence of ours for what is wrong, before any work; what is right stays right."""

import time
from contextlib import suppress

import pytest
import torch

import regrep
from chaos.calls import campaign, judge
from regrep import actions, comparison, diagnostics, groups, objectives, representations
from regrep.actions.rotation import resample
from regrep.arguments import check_callable, check_tensor, whole
from regrep.errors import RegrepError

C4 = groups.cyclic(4)
TURN = actions.RotateFlip2d(C4)
MEAN = torch.nn.functional.mse_loss
S7 = groups.symmetric(7)
LAZY = comparison.Task(
    lambda seed: torch.nn.LazyLinear(2), comparison.Splits(*[(torch.ones(1, 4), torch.ones(1))] * 3), MEAN, TURN
)


def objective(**settings):
    """Section 5's objective on 4 x 4 images, whose corners are its latent."""
    arguments = {
        "encoder": lambda x: torch.stack([x[:, 0, 0], x[:, 3, 0], x[:, 3, 3], x[:, 0, 3]], dim=1),
        "head": lambda z: z.sum(dim=1), "task_loss": MEAN, "input_action": TURN, "latent": regrep.regular(C4),
    }  # fmt: skip
    return objectives.EquivariantObjective(**{**arguments, **settings})


def through(**wrong):
    """The accuracy through rho, of arguments of which some are wrong."""
    arguments = {"encoder": torch.tanh, "head": torch.tanh, "metric": MEAN, **wrong}
    x, y = torch.ones(2, 4, 4), torch.ones(2)
    return diagnostics.through_rho(x=x, y=y, act=TURN, rho=regrep.regular(C4), **arguments)


@pytest.mark.parametrize("seed", range(2))
def test_random_calls_get_a_sentence(seed):
    found = campaign(150, seed)
    assert {call: error for call, error in found.others.items() if "objectives/layers.py" not in error} == {}
    assert found.counts["sentence"] > 50
    assert found.counts["returned"] > 10


def forever():
    while True:
        with suppress(Exception):
            time.sleep(0)


def test_what_random_calls_come_to(monkeypatch):
    monkeypatch.setattr("chaos.calls.LONGEST", 0.05)
    x, linear = torch.ones(1, 4), torch.nn.Linear(3, 3)
    assert judge(lambda: groups.cyclic(4)) == ("returned", "")
    assert judge(lambda: groups.cyclic(0)) == ("sentence", "")
    assert judge(lambda: objectives.roll_out(linear, x, 2)) == ("error of a given function", "")
    assert judge(lambda: objectives.roll_out(TURN, x, 2)) == ("error of a given function", "")
    kind, text = judge(lambda: objectives.roll_out(lambda x: x @ x, x, 2))
    assert kind == "other"
    assert text.startswith("RuntimeError at objectives/rollout.py:")
    assert judge(lambda: linear(x))[0] == "other"
    assert judge(forever)[0] == "too long"
    assert judge(lambda: torch.empty(2**40))[0] == "other"


@pytest.mark.parametrize("make", [groups.cyclic, groups.dihedral, groups.symmetric, groups.alternating])
def test_orders_may_come_in_tensors(make):
    assert make(torch.tensor(4)) == make(4)
    assert make(torch.tensor(4)).name == make(4).name
    assert groups.quaternion(torch.tensor(8)) == groups.quaternion(8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: objective(weight=None), "weight is a finite number of at least 0, got None"),
        (lambda: objective(weight=True), "weight is a finite number of at least 0, got True"),
        (lambda: objective(weight=torch.tensor([0.5, 0.5])), "weight is a finite number of at least 0, got a tensor"),
        (lambda: objective(fraction="half"), "from 0 to 1, got 'half'"),
        (lambda: objective(head=3), "the head is a module or a function, got 3"),
        (lambda: objective(task_loss="mse"), "task_loss is a module or a function, got 'mse'"),
        (lambda: objective(input_action=torch.tanh), "a group is a FiniteGroup"),
        (lambda: objective(output_action=4), "output_action is a module or a function, got 4"),
        (lambda: objective(control_seed=0.5), "control_seed is an integer"),
        (lambda: representations.trivial(C4, "3"), "a trivial representation has dimension at least 1, got '3'"),
        (lambda: representations.latent(C4, True), "at least |C4| = 4".replace("|", r"\|")),
        (lambda: representations.direct_sum("ab"), "a direct sum has a list of representations, got 'ab'"),
        (lambda: representations.natural("C4"), "a group is a FiniteGroup, got 'C4'"),
        (lambda: representations.restrict(3, C4, [0]), "a Representation is restricted, got 3"),
        (lambda: representations.LearnedRepresentation(C4, 10**9), "from 1 to 16384, got 1000000000"),
        (lambda: representations.LearnedRepresentation(C4, 4, weights=[float("nan")]), "finite number of at least 0"),
        (lambda: representations.PermutationRepresentation(C4, [[0]], "x"), r"is an int64 tensor, got \[\[0\]\]"),
        (lambda: actions.RotateFlip2d("C4"), "a group is a FiniteGroup, got 'C4'"),
        (lambda: actions.Permute(C4, regrep.regular(C4).index, dim="1"), "dim is the number of a dimension, got '1'"),
        (lambda: actions.SideBySide(TURN, C4), "what SideBySide takes is an action"),
        (lambda: actions.sample(C4, 2.5), "number of elements to draw is an integer"),
        (lambda: objectives.whiten(torch.zeros(2, 2, dtype=torch.int64)), "samples is of real floating point"),
        (lambda: objectives.whiten(torch.zeros(0, 2)), r"samples to whiten are \[n, d\] .* got float32 \[0, 2\]"),
        (lambda: objectives.moving_share(torch.zeros(3, 5), regrep.regular(C4)), r"acts on latents \[B, \.\.\., 4\]"),
        (lambda: objectives.advance(torch.zeros(1, 3, 2), torch.zeros(1, 1, 3)), "agree in all but channels"),
        (lambda: objectives.roll_out(torch.tanh, torch.zeros(1, 3), 0), "frames is an integer from 1 to 100000, got 0"),
        (lambda: objectives.roll_out(torch.tanh, torch.zeros(1, 3), 100_001), "from 1 to 100000, got 100001"),
        (lambda: diagnostics.profile(torch.tanh, [1.0], TURN, TURN), "x is a tensor, got"),
        (lambda: diagnostics.profile(torch.tanh, torch.zeros(2, 4, 4), C4, TURN), "act is an action of a group"),
        (
            lambda: regrep.nn.GroupAveraged(torch.tanh, TURN, chunk="2"),
            "at least 1 transformed input per forward pass, got '2'",
        ),
        (lambda: regrep.nn.Reynolds([]), "axes are lists of representations"),
        (lambda: actions.sample(C4, 2, device={"A": 1}), "device is a torch.device or the name of one, got {'A': 1}"),
        (lambda: actions.sample(C4, 2, device="nowhere"), "device is a torch.device .*, got 'nowhere'"),
        (lambda: actions.sample(C4, 2, TURN), "generator is a torch.Generator or None, got RotateFlip2d"),
        (lambda: S7.sample(2, TURN), "generator is a torch.Generator or None, got RotateFlip2d"),
        (lambda: S7.average(representations.natural(S7), 1), "z is a tensor, got 1"),
        (lambda: S7.average(None, torch.ones(1, 7)), "rho is a module or a function, got None"),
        (lambda: S7.join(), "is built of 0 factors, got elements of 0"),
        (lambda: objectives.moving_part(torch.ones(2, 4) > 0, torch.tanh, C4), "z holds numbers, got truth values"),
        (
            lambda: representations.LearnedRepresentation(C4, 4, regularizer=torch.tensor(1 + 0j)),
            "regularizer's weight",
        ),
        (lambda: through(encoder={}), "the encoder is a module or a function, got {}"),
        (lambda: through(head=1), "the head is a module or a function, got 1"),
        (lambda: through(metric="mse"), "the metric is a module or a function, got 'mse'"),
        (lambda: comparison.choose(torch.tensor(1.0), True), "got a tensor of shape"),
        (lambda: LAZY.network(0), r"model\(seed\) returns a network whose layers know their sizes, got a lazy one"),
    ],
)
def test_wrong_arguments_say_so(call, message):
    with pytest.raises(RegrepError, match=message):
        call()


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("g", "message"),
    [
        (torch.full((4,), 99), "index from 0 to 3, got 99"),
        (torch.zeros(5, dtype=torch.int64), "one group element per sample is needed, got 5"),
        (torch.zeros(4, dtype=torch.int32), "an int64 tensor"),
    ],
)
def test_elements_are_checked_whatever_the_fraction(fraction, g, message):
    with pytest.raises(RegrepError, match=message):
        objective(fraction=fraction)(torch.randn(4, 4, 4), torch.zeros(4), g)


def test_a_loss_that_is_no_tensor_says_so():
    with pytest.raises(RegrepError, match=r"task_loss returns a scalar tensor, got 0\.5"):
        objective(task_loss=lambda outputs, y: 0.5)(torch.randn(2, 4, 4), torch.zeros(2))


def test_an_empty_batch_is_turned_by_any_angle():
    g = torch.zeros(0, dtype=torch.int64)
    for n in (3, 4):
        assert actions.RotateFlip2d(groups.cyclic(n))(torch.zeros(0, 1, 4, 4), g).shape == (0, 1, 4, 4)
    assert resample(torch.zeros(2, 0, 4, 4), torch.eye(2).expand(2, 2, 2)).shape == (2, 0, 4, 4)


def test_checks_of_arguments_accept_what_is_right():
    assert whole("n", torch.tensor(3), 1, 3) == 3
    check_tensor("x", torch.zeros(2, 3), 2, floating=True)
    check_callable("f", len)
    with pytest.raises(RegrepError, match="at least 2 dimensions, got shape"):
        check_tensor("x", torch.zeros(2), 2)
