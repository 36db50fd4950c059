"""Section 4's objective: each term by hand, and what it refuses."""

import pytest
import torch
from torch import nn

import regrep
from dispatched import Calls
from regrep import LearnedRepresentation, RegrepError, RepresentationObjective
from regrep.actions import RotateFlip2d
from regrep.groups import cyclic, dihedral
from tolerance import assert_near

GROUP = cyclic(4)
ACT = RotateFlip2d(GROUP)


def parts(seed=0, classes=None):
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ELU()).double()
    head = (nn.Linear(8, classes) if classes else nn.Sequential(nn.Linear(8, 36), nn.Unflatten(1, (1, 6, 6)))).double()
    return encoder, head, LearnedRepresentation(GROUP, 8).double()


def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(10, 1, 6, 6, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (10,), generator=generator), torch.randint(4, (10,), generator=generator)


def test_terms_of_an_autoencoder():
    encoder, head, rho = parts()
    x, _, g = batch()
    objective = RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, rho, None, 0.5, 0.3, 0.7)
    terms = objective(x, g=g)
    gx, z = ACT(x, g), encoder(x)
    moved = torch.einsum("bij,bj->bi", rho.stack()[g], z)
    assert_near(terms.task, (head(z) - x).square().mean())
    assert_near(terms.output, (head(moved) - gx).square().mean())
    assert_near(terms.equivariance, (moved - encoder(gx)).square().mean())
    assert_near(terms.algebra, rho.algebra_loss())
    assert_near(terms.total, terms.task + 0.5 * terms.algebra + 0.3 * terms.output + 0.7 * terms.equivariance)
    again = objective(x, g=g, gx=gx)
    assert_near(again.total, terms.total)
    terms.total.backward()
    assert all(p.grad is not None for part in (encoder, head, rho) for p in part.parameters())


def test_terms_of_a_classifier():
    encoder, head, rho = parts(classes=3)
    x, y, g = batch()
    terms = RepresentationObjective(encoder, head, nn.functional.cross_entropy, ACT, rho)(x, y, g)
    moved = torch.einsum("bij,bj->bi", rho.stack()[g], encoder(x))
    assert_near(terms.output, nn.functional.cross_entropy(head(moved), y))
    assert not list(RepresentationObjective(encoder, head, nn.functional.cross_entropy, ACT, rho).parameters())


def test_an_equivariant_network_costs_nothing_but_its_task():
    rho = LearnedRepresentation(GROUP, 36, init=ACT.pixels(6).stack()[list(GROUP.generators)]).double()
    encoder, head = nn.Flatten(), nn.Unflatten(1, (1, 6, 6))
    x, _, g = batch()
    terms = RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, rho)(x, g=g)
    assert terms.total.item() < 1e-20
    other = LearnedRepresentation(GROUP, 36).double()
    assert RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, other)(x, g=g).total.item() > 0.01


def test_weights_of_zero_leave_terms_out():
    encoder, head, rho = parts()
    x, _, g = batch()
    terms = RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, rho, None, 1.0, 0.0, 0.0)(x, g=g)
    assert terms.output.item() == 0
    assert terms.equivariance.item() > 0
    assert not terms.equivariance.requires_grad
    assert_near(terms.total, terms.task + terms.algebra)


def test_errors_are_computed_when_they_are_read():
    encoder, head, rho = parts()
    x, _, g = batch()
    objective = RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, rho)
    with Calls() as calls:
        terms = objective(x, g=g)
        logged = terms.log("train/", errors=False)
    assert "linalg_cholesky_ex" not in calls.names
    assert list(logged) == [f"train/{name}" for name in ("total", "task", "output", "equivariance", "algebra")]
    with Calls() as calls:
        assert {*terms.log()} == {"total", "task", "output", "equivariance", "algebra", "whitened_error"}
    assert "linalg_cholesky_ex" in calls.names
    with torch.no_grad():
        z, z_g, matrices = encoder(x), encoder(ACT(x, g)), rho.stack().clone()
        rho.matrices.mul_(2)  # as a step would before they are read
    moved = torch.einsum("bij,bj->bi", matrices[g], z)
    assert_near(terms.uncentred_error, (moved - z_g).norm() / z_g.norm())
    assert_near(terms.whitened_error, regrep.objectives.whitened_error(moved, z_g, g, lambda z, g: z))


@pytest.mark.parametrize("output_weight", [0.0, 0.25])
def test_a_head_may_overwrite_the_latents(output_weight):
    encoder, head, rho = parts()
    x, _, g = batch()
    heads = head, nn.Sequential(nn.Threshold(9.0, 1.0, inplace=True), head)
    plain, other = (
        RepresentationObjective(encoder, one, nn.functional.mse_loss, ACT, rho, output_weight=output_weight)(x, g=g)
        for one in heads
    )
    for name in ("equivariance", "whitened_error", "uncentred_error"):
        assert_near(getattr(other, name), getattr(plain, name))
    assert_near(other.compared.moving_share(), plain.compared.moving_share())


def test_wrong_arguments():
    encoder, head, rho = parts()
    x, _, g = batch()
    with pytest.raises(RegrepError, match="latent_weight is a finite number"):
        RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, rho, latent_weight=-1.0)
    with pytest.raises(RegrepError, match="one group for both"):
        RepresentationObjective(encoder, head, nn.functional.mse_loss, RotateFlip2d(dihedral(4)), rho)
    with pytest.raises(RegrepError, match="needs gx and g"):
        RepresentationObjective(encoder, head, nn.functional.mse_loss, None, rho)(x, g=g)
    with pytest.raises(RegrepError, match="pass both or neither"):
        RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, rho)(x, gx=x)
    with pytest.raises(RegrepError, match="a latent is one tensor, got a tuple"):
        RepresentationObjective(lambda x: (encoder(x), x), head, nn.functional.mse_loss, ACT, rho)(x)
    with pytest.raises(RegrepError, match="latent is a LearnedRepresentation"):
        RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, regrep.regular(GROUP))
    with pytest.raises(RegrepError, match="at least one input"):
        RepresentationObjective(encoder, head, nn.functional.mse_loss, ACT, rho)(x[:0])
    assert regrep.RepresentationObjective is RepresentationObjective
