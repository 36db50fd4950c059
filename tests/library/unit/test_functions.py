"""Functions and representations as actions, and the check of the law that finds the wrong ones."""

import pytest
import torch
from torch import nn

import regrep
from regrep.actions import Action, Fix, FunctionAction, RotateFlip2d, VectorField2d, check_law, functions
from regrep.actions.functions import action_of
from regrep.errors import RegrepError
from regrep.nn import GroupAveraged
from regrep.representations import standard

D4 = regrep.groups.dihedral(4)
RHO = regrep.regular(D4)


def negated(x, g):
    """The sign of D4 that is -1 on mirrors."""
    return torch.where((g >= 4)[:, None], -x, x)


SIGN = FunctionAction(D4, negated)


def test_a_representation_is_an_action():
    """So that it goes wherever one is asked for, such as for the inputs of an averaged network."""
    averaged = GroupAveraged(nn.Identity(), RHO, RHO)
    z = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    assert isinstance(standard(D4), Action)
    assert torch.allclose(averaged(z), z, atol=1e-6)
    error = regrep.equivariance_error(nn.Identity(), z, RHO, RHO)
    assert not error.is_output  # a latent, unlike an action on data
    assert error.round_trip is None
    assert torch.equal(RHO.round_trip_error(z), torch.zeros(8, dtype=torch.float64))


def test_a_function_is_an_action_of_its_group():
    x, g = torch.randn(8, 3), torch.arange(8)
    assert torch.equal(SIGN(x, g), x * torch.tensor([1.0] * 4 + [-1.0] * 4)[:, None])
    check_law(SIGN, x)
    assert repr(SIGN) == "FunctionAction(D4, negated)"
    assert action_of(RHO) is RHO
    assert isinstance(action_of(regrep.LearnedRepresentation(D4, 8)), FunctionAction)


@pytest.mark.parametrize(
    ("act", "x"),
    [
        (RotateFlip2d(D4), torch.arange(32).reshape(2, 1, 4, 4)),
        (RotateFlip2d(D4), torch.arange(16).reshape(1, 4, 4).to(torch.uint8)),
        (VectorField2d(D4), torch.randn(1, 2, 3, 3)),
        (standard(D4), torch.randn(2, 3)),
        (standard(D4), torch.randn(2, 3, dtype=torch.float64)),
        (Fix(D4), torch.tensor([True, False])),
        (RHO, torch.randn(1000, 8)),
    ],
    ids=lambda value: f"{value.dtype} {list(value.shape)}" if isinstance(value, torch.Tensor) else repr(value),
)
def test_actions_pass_the_check(act, x):
    check_law(act, x)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, g: RHO(x, D4.inverse[g]), "as by .* of D4 differs by .* does it act by the inverse"),
        (lambda x, g: x + 1, "the identity moves nothing, but this action of D4 moves by 1"),
        (lambda x, g: x + g[:, None] % 4, r"moves by \w+ and then by \w+ as by"),
        (lambda x, g: torch.where(g[:, None] == 3, -x, x), "differs by"),
        (lambda x, g: x[:, :4], r"same shape, here \[8, 8\], .* returned a tensor of shape \[8, 4\]"),
    ],
)
def test_what_is_no_action_is_found(function, message):
    with pytest.raises(RegrepError, match=message):
        check_law(FunctionAction(D4, function), torch.arange(64).reshape(8, 8))


def test_the_check_looks_at_every_pair(monkeypatch):
    """A single wrong product among 64, in a later chunk of pairs."""
    monkeypatch.setattr(functions, "PAIRS", 1)
    wrong = D4.mul.clone()
    wrong[7, 6] = 0

    def act(x, g):  # x holds the element reached so far
        return wrong[g, x]

    with pytest.raises(RegrepError, match="by r2s and then by r3s as by r, but"):
        check_law(FunctionAction(D4, act), torch.tensor([0]))


def test_mistakes_are_told():
    with pytest.raises(RegrepError, match="FiniteGroup, got 'D4'"):
        FunctionAction("D4", negated)
    with pytest.raises(RegrepError, match="an action is a module or a function, got 3"):
        FunctionAction(D4, 3)
    with pytest.raises(RegrepError, match="is an action or a representation, got 3; make one of a function"):
        action_of(3)
