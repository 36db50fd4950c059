"""Penalties, controls and errors of the objective: against slow loops, and against what must not lower them."""

import math

import pytest
import torch
from torch import nn

import regrep
from regrep import EquivariantObjective, equivariance_loss
from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, parse
from regrep.objectives import (
    OUTPUT,
    RandomPermutations,
    RolloutObjective,
    centred_error,
    functional,
    moving_part,
    moving_share,
    whiten,
    whitened_error,
    whitening,
)
from regrep.objectives.functional import relative_to_variance
from regrep.objectives.whitening import channels_last, distance_of_halves
from regrep.representations.layouts import both
from tolerance import assert_near

D3, D4 = dihedral(3), dihedral(4)
ACT = RotateFlip2d(D4)
PENALTIES = ("mse", "relative", "whitened", "moving")

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


def draws(*shapes, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=dtype) for shape in shapes]


def elements(group, count, seed=0):
    return torch.randint(group.order, (count,), generator=torch.Generator().manual_seed(seed))


def slow_whitening(samples, ridges=(1e-5,)):
    """Coordinates in which the covariance is 1 up to the ridges, block by block, by loops and inverses."""
    n, d = samples.shape
    blocks = math.ceil(d / max(1, n // 2))
    width = math.ceil(d / blocks)
    slices = [slice(start, min(start + width, d)) for start in range(0, d, width)]
    mean = sum(samples[b] for b in range(n)) / n
    x = torch.stack([samples[b] - mean for b in range(n)])
    for ridge in ridges:
        covariance = sum(torch.outer(x[b], x[b]) for b in range(n)) / n
        level = sum(covariance[i, i] for i in range(d)) / d
        parts = []
        for part in slices:
            wide = covariance[part, part] + ridge * level * torch.eye(part.stop - part.start, dtype=x.dtype)
            parts.append(x[:, part] @ torch.linalg.inv(torch.linalg.cholesky(wide)).T)
        x = torch.cat(parts, dim=1)
    return x


def slow_penalty(z, z_g, g, rho, penalty):
    """The definition, sample by sample, with matrices."""
    matrices = rho.stack()
    moved = torch.stack([matrices[g[b]] @ z[b] for b in range(len(z))])
    if penalty == "moving":
        project = torch.eye(rho.dim, dtype=z.dtype) - sum(matrices[k] for k in range(len(matrices))) / len(matrices)
        moved, z_g = (torch.stack([project @ row for row in rows]) for rows in (moved, z_g))
    if penalty == "whitened":
        moved, z_g = slow_whitening(torch.cat([moved, z_g])).chunk(2)
    square = sum((moved[b] - z_g[b]) @ (moved[b] - z_g[b]) for b in range(len(z))) / moved.numel()
    if penalty == "mse":
        return square
    rows = [*moved, *z_g]
    mean = sum(rows) / len(rows)
    return square / (sum((row - mean) @ (row - mean) for row in rows) / (len(rows) * len(mean)))


REPRESENTATIONS = {
    "permutation": regrep.latent(D4, 19),
    "matrices": regrep.standard(D3) + 2 * regrep.regular(D3) + regrep.sign(D3),
    "irreducible": 3 * regrep.irreps(D3)[2],
}


@pytest.mark.parametrize("rho", REPRESENTATIONS.values(), ids=REPRESENTATIONS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("count", [40, 6])
def test_penalties_and_gradients_are_those_of_slow_loops(rho, penalty, count):
    """6 samples are fewer than the latent's coordinates, so that the covariance is cut into blocks."""
    values = {}
    for name, function in (("fast", equivariance_loss), ("slow", slow_penalty)):
        z, z_g = (value.requires_grad_() for value in draws((count, rho.dim), (count, rho.dim)))
        loss = function(z, z_g, elements(rho.group, count), rho, penalty)
        values[name] = (loss, *torch.autograd.grad(loss, (z, z_g)))
    for fast, slow in zip(values["fast"], values["slow"], strict=True):
        assert_near(fast, slow)


def encoder_and_head(width=19, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, width)).double(), nn.Linear(width, 3).double()


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("control", [None, "permuted", "shuffled", "shrunk"])
@pytest.mark.parametrize(("fraction", "augment"), [(1.0, False), (0.6, True)])
def test_objective_and_its_gradients_are_those_of_slow_loops(penalty, control, fraction, augment):
    rho = REPRESENTATIONS["permutation"]
    x, y, g = draws((10, 6, 6))[0], torch.arange(10) % 3, elements(D4, 10)
    count = math.ceil(fraction * 10)
    gradients, totals = [], []
    for slow in (False, True):
        encoder, head = encoder_and_head()
        if not slow:
            objective = EquivariantObjective(
                encoder, head, nn.functional.cross_entropy, ACT, rho, weight=0.7, penalty=penalty, fraction=fraction,
                latent_augmentation=augment, control=control, control_seed=5,
            )  # fmt: skip
            total = objective(x, y, g).total
        else:
            total = slow_objective(encoder, head, rho, x, y, g, penalty, control, count, augment)
        totals.append(total)
        gradients.append(torch.autograd.grad(total, [*encoder.parameters(), *head.parameters()]))
    assert_near(*totals)
    for fast, plain in zip(*gradients, strict=True):
        assert_near(fast, plain)


class AsMatrices:
    """What a callable does to a latent [B, dim], as matrices."""

    def __init__(self, action, dim):
        eye = torch.eye(dim, dtype=torch.float64)
        rows = [action(eye, torch.full((dim,), k)).T for k in range(action.group.order)]
        self.dim, self._stack = dim, torch.stack(rows)

    def stack(self):
        return self._stack


def slow_objective(encoder, head, rho, x, y, g, penalty, control, count, augment):
    applied = AsMatrices(RandomPermutations(D4, (19,), 5), 19) if control == "permuted" else rho
    z = torch.cat([encoder(x[b : b + 1]) for b in range(10)])
    gx = torch.cat([ACT(x[b : b + 1], g[b : b + 1]) for b in range(count)])
    z_g = torch.cat([encoder(gx[b : b + 1]) for b in range(count)])
    loss = nn.functional.cross_entropy
    total = sum(loss(head(z[b : b + 1]), y[b : b + 1]) for b in range(10)) / 10
    total = total + sum(loss(head(z_g[b : b + 1]), y[b : b + 1]) for b in range(count)) / count
    if augment:
        moved = torch.stack([applied.stack()[g[b]] @ z[b] for b in range(10)])
        total = total + loss(head(moved), y)
    if control == "shrunk":
        return total + 0.7 * (z[:count].square().sum() + z_g.square().sum()) / (2 * z_g.numel())
    chosen = [int(g[(b - 1) % count]) for b in range(count)] if control == "shuffled" else g[:count].tolist()
    return total + 0.7 * slow_penalty(z[:count], z_g, torch.tensor(chosen), applied, penalty)


@pytest.mark.parametrize("count", [4096, 64])
@pytest.mark.parametrize("penalty", ["relative", "whitened", "moving"])
def test_unrelated_latents_cost_two(penalty, count):
    z, z_g = draws((count, 64), (count, 64))
    rho, g = 8 * regrep.regular(D4), elements(D4, count)
    near = 0.02 if count > 99 else 0.1  # in few samples some directions look related by chance
    assert equivariance_loss(z + 9, z_g + 9, g, rho, penalty).item() == pytest.approx(2, rel=near)


def equivariant(count, copies, seed=3):
    """Latents w = rho(g) z and v that are equal, under copies of the regular representation of D4."""
    (z,), g = draws((count, 8 * copies), seed=seed), elements(D4, count)
    return z, regrep.regular(D4)(z.reshape(-1, copies, 8), g).reshape(count, -1), g


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_whitened_is_not_lowered_by_scale_offset_or_decoy(copies, dtype):
    """A hundred times stronger, equivariant signal is worth the directions that it takes, and no more."""
    z, z_g = draws((4096, 64), (4096, 64))
    strong, strong_g, g = equivariant(4096, copies)
    rho = (8 + copies) * regrep.regular(D4)
    first, second = torch.cat([z, 100 * strong], dim=1).to(dtype), torch.cat([z_g, 100 * strong_g], dim=1).to(dtype)
    left = 64 / (64 + 8 * copies)  # of the directions
    plain = equivariance_loss(first, second, g, rho, "whitened")
    assert plain.item() == pytest.approx(2 * left, rel=0.02)
    assert whitened_error(first, second, g, rho).item() == pytest.approx(math.sqrt(left), rel=0.02)
    assert equivariance_loss(first, second, g, rho, "relative") < 2e-3  # the decoy works here
    assert centred_error(first, second, g, rho) < 0.05
    if dtype == torch.float64:
        assert_near(equivariance_loss(1e-3 * first, 1e-3 * second, g, rho, "whitened"), plain)
    elsewhere = equivariance_loss(first + 100, second + 100, g, rho, "whitened")
    assert elsewhere.item() == pytest.approx(plain.item(), rel=1e-3)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_equivariant_latents_cost_nothing(penalty):
    z, z_g, g = equivariant(64, 3)
    assert equivariance_loss(z, z_g, g, 3 * regrep.regular(D4), penalty) < 1e-20


def test_only_moving_refuses_invariance():
    """Latents that are constant along orbits: trivially equivariant, with a moving part that is only rounding."""
    (level,) = draws((64, 3), dtype=torch.float32)
    z, rho = level.repeat_interleave(8, dim=1), 3 * regrep.regular(D4)
    noise = 1e-3 * draws((64, 24), (64, 24), dtype=torch.float32)[0]
    g = elements(D4, 64)
    for penalty in PENALTIES:
        assert equivariance_loss(z, z, g, rho, penalty) < 1e-6
    assert moving_share(z, rho) < 1e-10
    assert equivariance_loss(z + noise, z - noise, g, rho, "moving") > 1
    assert equivariance_loss(z + noise, z - noise, g, rho, "relative") < 1e-3


@pytest.mark.parametrize("penalty", PENALTIES)
def test_constant_latents_keep_the_gradient_finite(penalty):
    for value in (0.0, 3.0):
        z = torch.full((16, 8), value, requires_grad=True)
        loss = equivariance_loss(z, z.clone(), elements(D4, 16), regrep.regular(D4), penalty)
        assert loss == 0
        assert torch.autograd.grad(loss, z)[0].isfinite().all()


def test_feature_maps_are_whitened_over_channels():
    z, z_g = draws((6, 8, 4, 4), (6, 8, 4, 4))
    rho = both(ACT.pixels(4), (8, 4, 4))
    g = elements(D4, 6)
    columns = torch.cat([rho(z, g), z_g]).permute(0, 2, 3, 1).reshape(-1, 8)
    first, second = slow_whitening(columns).chunk(2)
    mean = (first.square().mean() + second.square().mean()) / 2
    assert_near(equivariance_loss(z, z_g, g, rho, "whitened"), (first - second).square().mean() / mean)
    volumes = torch.zeros(2, 8, 3, 4, 5)
    assert channels_last(volumes, rho).shape == (120, 8)
    assert channels_last(torch.zeros(2, 5, 8), regrep.regular(D4)).shape == (10, 8)


def test_whitening_in_blocks_uses_every_channel_once():
    (a,) = draws((7, 20))
    assert whiten(a).shape == (7, 20)
    assert_near(whiten(a), slow_whitening(a))
    assert whiten(a[:1]).shape == (1, 20)


@pytest.mark.parametrize(("n", "d"), [(12, 4), (6, 7)], ids=["one block", "three blocks, one of them padded"])
def test_whitening_is_differentiable_twice_and_in_transforms(n, d):
    """Against finite differences; its first gradient is written out, its second one is not."""
    a = torch.randn(n, d, generator=torch.Generator().manual_seed(0)).double() * torch.logspace(-1, 1, d).double()
    assert torch.autograd.gradcheck(whiten, a.requires_grad_())
    assert torch.autograd.gradgradcheck(whiten, a)
    both = torch.stack([a.detach(), 2 * a.detach().flip(0) ** 3])
    assert_near(torch.func.vmap(whiten)(both), torch.stack([whiten(one) for one in both]))
    (expected,) = torch.autograd.grad((whiten(a) ** 3).sum(), a)
    (by_parts,) = torch.autograd.grad((whiten(a) ** 3).sum(), a, create_graph=True)
    torch.testing.assert_close(expected, by_parts.detach(), rtol=1e-9, atol=1e-9 * float(expected.abs().max()))
    assert_near(torch.func.grad(lambda x: (whiten(x) ** 3).sum())(a.detach()), expected)


def test_without_double_precision_latents_are_whitened_twice(monkeypatch):
    """Which is the same, up to a factor of a hundredth, also in its gradient and for a signal 100 times the others."""
    a = torch.randn(200, 7, generator=torch.Generator().manual_seed(0)) * torch.tensor([100.0, *[1.0] * 6])
    a = (a @ torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(1)))[0]).requires_grad_()
    once, (gradient,) = whiten(a), torch.autograd.grad(distance_of_halves(whiten(a)), a)
    monkeypatch.setattr(whitening, "SINGLE_PRECISION", ("cpu",))
    twice, (other,) = whiten(a), torch.autograd.grad(distance_of_halves(whiten(a)), a)
    torch.testing.assert_close(
        twice.detach(), slow_whitening(a.detach().double(), (1e-3, 1e-2)).float(), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(twice * math.sqrt(1.01), once, rtol=0.01, atol=0.01)
    assert (once - twice).abs().max() > 0.001
    torch.testing.assert_close(whiten(1e10 * a), twice, rtol=0, atol=1e-3)
    torch.testing.assert_close(other, gradient, rtol=0, atol=0.005 * float(gradient.abs().max()))


def test_small_directions_keep_their_digits_in_single_precision():
    """Beside a signal 300 times as large; in single precision the covariance would lose them."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(200, 32, generator=generator).double() * torch.tensor([300.0, *[1.0] * 31]).double()
    a = (a @ torch.linalg.qr(torch.randn(32, 32, generator=generator).double())[0]).float()
    torch.testing.assert_close(whiten(a).double(), slow_whitening(a.double()), rtol=0, atol=5e-4)


def test_the_distance_of_whitened_halves_is_the_relative_one_and_differentiable_twice_and_in_transforms():
    """Its first gradient is written out; against finite differences, and against the parts it consists of."""
    (a,) = draws((8, 3))
    y = whiten(a.double()).detach().requires_grad_()
    assert_near(distance_of_halves(y), relative_to_variance(*y.chunk(2)))
    assert torch.autograd.gradcheck(lambda z: distance_of_halves(z - z.mean(dim=0)), y)
    assert torch.autograd.gradgradcheck(lambda z: distance_of_halves(z - z.mean(dim=0)), y)
    (found,) = torch.autograd.grad(3 * distance_of_halves(y), y)
    (expected,) = torch.autograd.grad(3 * relative_to_variance(*y.chunk(2)), y)
    assert_near(found, expected)
    both = torch.stack([y.detach(), whiten(y.detach().flip(1) ** 3)])
    assert_near(torch.func.vmap(distance_of_halves)(both), torch.stack([distance_of_halves(one) for one in both]))
    assert_near(torch.func.vmap(torch.func.grad(distance_of_halves))(both)[0], expected / 3)


def test_equal_halves_and_constant_latents_have_no_distance_and_no_gradient():
    equal = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(2, 1)
    for y in (equal.clone(), torch.zeros(4, 2)):
        y.requires_grad_()
        distance = distance_of_halves(y)
        assert (distance.item(), torch.autograd.grad(distance, y)[0].abs().max().item()) == (0, 0)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_autocast_does_not_round_matrices(penalty):
    rho = REPRESENTATIONS["irreducible"]
    z, g = draws((64, 6), dtype=torch.float32)[0], elements(D3, 64)
    z_g = rho(z, g)
    exact = equivariance_loss(z, -z_g, g, rho, penalty)
    with torch.autocast("cpu", torch.bfloat16):
        assert equivariance_loss(z, z_g, g, rho, penalty) < 1e-10
        assert whitened_error(z, z_g, g, rho) < 1e-5
        assert regrep.relative_error(z, z_g, g, rho) < 1e-6
        assert_near(equivariance_loss(z, -z_g, g, rho, penalty), exact)
        assert_near(moving_share(z, rho), torch.tensor(1.0))
        assert equivariance_loss(z.bfloat16(), z_g.bfloat16(), g, rho, penalty).dtype == torch.float32


@pytest.mark.parametrize("group", ["C2", "D1 x D1", "D4"])
def test_errors_leave_the_identity_out(group):
    """Unrelated latents have error 1 under every group, however many of the elements drawn are the identity."""
    group = parse(group)
    rho = 4 * regrep.regular(group)
    z, z_g = draws((4096, rho.dim), (4096, rho.dim))
    g = elements(group, 4096)
    z_g[g == 0] = z[g == 0]
    for error in (whitened_error, centred_error):
        assert error(z, z_g + 3, g, rho).item() == pytest.approx(1, abs=0.02)
    assert moving_share(z, rho).item() == pytest.approx(1 - 1 / group.order, abs=0.02)
    assert whitened_error(z, z, torch.zeros_like(g), rho) < 1e-15  # products of some processors differ by columns


def test_moving_part_is_a_projection():
    for rho in (*REPRESENTATIONS.values(), both(ACT.pixels(2), (8, 2, 2))):
        z = draws((5, *rho.shape))[0]
        once = moving_part(z, rho)
        assert_near(moving_part(once, rho), once)
        total = sum(rho(once, torch.full((5,), k)) for k in range(rho.group.order))
        assert total.abs().max() < 1e-10
    tokens = draws((5, 3, 19))[0]
    rho = REPRESENTATIONS["permutation"]
    assert_near(moving_part(tokens, rho), torch.stack([moving_part(tokens[:, k], rho) for k in range(3)], dim=1))
    signs = torch.tensor([1.0, -1.0])
    assert moving_part(torch.tensor([2.0, 3.0]), lambda z, g: z * signs[g], cyclic(2)).tolist() == [2.0, 3.0]
    assert moving_part(torch.tensor([2.0, 3.0]), lambda z, g: z, cyclic(2)).tolist() == [0.0, 0.0]
    with pytest.raises(RegrepError, match="taken over a group"):
        moving_part(z, lambda z, g: z)
    with pytest.raises(RegrepError, match="taken over a group"):
        equivariance_loss(z, z, torch.zeros(5, dtype=torch.int64), lambda z, g: z, "moving")


def test_controls_are_measured_with_the_right_representation():
    """The log of a control says how equivariant the latent is, not how well the control is satisfied."""
    encoder, head = encoder_and_head()
    x, y, g = draws((12, 6, 6))[0], torch.arange(12) % 3, elements(D4, 12)
    found = {}
    for control in (None, "permuted", "shuffled", "shrunk"):
        objective = EquivariantObjective(
            encoder, head, nn.functional.cross_entropy, ACT, REPRESENTATIONS["permutation"], control=control
        )
        found[control] = objective(x, y, g)
        assert f"control={control!r}" in repr(objective)
    for control, terms in found.items():
        assert_near(terms.whitened_error, found[None].whitened_error)
        assert_near(terms.moving_share, found[None].moving_share)
        assert not terms.whitened_error.requires_grad
        if control:
            assert (terms.equivariance - found[None].equivariance).abs() > 1e-3


def test_errors_of_the_terms_are_those_of_the_functions():
    encoder, head = encoder_and_head()
    rho = REPRESENTATIONS["permutation"]
    x, y, g = draws((12, 6, 6))[0], torch.arange(12) % 3, elements(D4, 12)
    z, z_g = encoder(x), encoder(ACT(x, g))
    for penalty in PENALTIES:
        objective = EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, rho, penalty=penalty)
        terms = objective(x, y, g)
        assert_near(terms.whitened_error, whitened_error(z, z_g, g, rho))
        assert_near(terms.moving_share, moving_share(z, rho))
        kept = terms.compared[0][0]
        assert (kept.pair is not None) == (penalty == "whitened")
        assert not any(part.requires_grad for part in (kept.z, kept.target, kept.moved, *(kept.pair or ())))
        with pytest.warns(DeprecationWarning, match="relative_error is an old name; use whitened_error"):
            assert_near(terms.relative_error, regrep.relative_error(z, z_g, g, rho))


def test_errors_are_computed_when_they_are_read(monkeypatch):
    """A step under the paper's penalty whitens nothing, and the errors need no further application of rho."""
    encoder, head = encoder_and_head()
    x, y, g = draws((12, 6, 6))[0], torch.arange(12) % 3, elements(D4, 12)
    whitened = []

    def counted(*views):
        whitened.append(len(views))
        return original(*views)

    original = functional.whitened_halves
    monkeypatch.setattr("regrep.objectives.functional.whitened_halves", counted)
    monkeypatch.setattr("regrep.objectives.latent_penalty.whitened_halves", counted)
    terms = EquivariantObjective(
        encoder, head, nn.functional.cross_entropy, ACT, REPRESENTATIONS["permutation"], penalty="mse"
    )(x, y, g)
    terms.log(errors=False)
    assert whitened == []
    assert float(terms.whitened_error) == float(terms.log()["whitened_error"]) > 0
    assert len(whitened) == 2
    assert not any(part.requires_grad for part in terms.compared[0][0][:2])


def test_a_latent_that_does_not_vary_counts_as_unrelated():
    objective = EquivariantObjective(
        lambda x: torch.ones(len(x), 8), nn.Linear(8, 3), nn.functional.cross_entropy, ACT, regrep.regular(D4)
    )
    terms = objective(torch.randn(4, 6, 6), torch.zeros(4, dtype=torch.int64))
    assert (terms.whitened_error, terms.moving_share) == (1, 0)


def test_rho_moves_each_latent_once():
    calls = []

    class Counting:
        group = D4

        def __call__(self, z, g):
            calls.append(len(z))
            return REPRESENTATIONS["permutation"](z, g)

    encoder, head = encoder_and_head()
    x, y, g = draws((12, 6, 6))[0], torch.arange(12) % 3, elements(D4, 12)
    for augment in (False, True):
        calls.clear()
        terms = EquivariantObjective(
            encoder, head, nn.functional.cross_entropy, ACT, Counting(), penalty="whitened", latent_augmentation=augment
        )(x, y, g)
        assert len(calls) == 1  # for penalty and augmentation
        terms.log()
        assert len(calls) == 1 + 7  # the seven others are the average of the moving share


def test_random_permutations_are_no_representation():
    control = RandomPermutations(D4, seed=1)
    assert repr(control) == "<random permutations for D4, seed 1>"
    z, g = draws((9, 3, 4, 4))[0], torch.arange(9) % 8
    moved = control(z, g)
    assert torch.equal(moved[0], z[0])
    assert torch.equal(moved.flatten(1).sort(dim=1).values, z.flatten(1).sort(dim=1).values)
    assert torch.equal(RandomPermutations(D4, (3, 4, 4), seed=1)(z, g), moved)
    assert not torch.equal(RandomPermutations(D4, seed=2)(z, g), moved)
    assert not torch.equal(control(control(z, g), g), control(z, D4.mul[g, g]))
    tokens = draws((9, 5, 8))[0]
    one = RandomPermutations(D4, (8,))
    assert torch.equal(one(tokens, g)[:, 2], one(tokens[:, 2], g))
    with pytest.raises(RegrepError, match=r"act on latents \[B, ..., 3, 4, 4\], got \[9, 4\]"):
        control(z[:, 0, 0], g)
    with pytest.raises(RegrepError, match="index from 0 to 7"):
        control(z, g + 1)


def test_old_calls_still_work_and_say_the_new_one():
    encoder, head = encoder_and_head()
    rho = REPRESENTATIONS["permutation"]
    with pytest.warns(DeprecationWarning, match=r"weight, penalty are passed by name .*: EquivariantObjective\(\.\.\."):
        old = EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, rho, 0.3, "relative")
    assert (old.weight, old.penalty) == (0.3, "relative")
    with pytest.raises(TypeError, match="two values for weight"):
        EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, rho, 0.3, weight=0.2)
    with pytest.raises(TypeError, match="positional arguments"):
        EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, rho, *range(8))
    with pytest.warns(DeprecationWarning, match='the layer "" is an old name'):
        named = EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, {"": rho, "1": rho})
    assert list(named.latents) == [OUTPUT, "1"]
    with pytest.warns(DeprecationWarning, match='the layer "" is an old name'):
        assert named.latents[""] is rho
    with pytest.raises(KeyError):
        _ = named.latents["2"]
    with regrep.latent_of(encoder, OUTPUT) as tap:
        y = encoder(draws((2, 6, 6))[0])
        assert tap.value is y


def test_a_layer_may_be_called_output():
    model = nn.ModuleDict({"output": nn.Linear(36, 19)})
    model.forward = lambda x: model["output"](x.flatten(1))
    rho = REPRESENTATIONS["permutation"]
    objective = EquivariantObjective(
        model, nn.Linear(19, 3), nn.functional.cross_entropy, ACT, {OUTPUT: rho, "output": rho}
    )
    x, y, g = draws((4, 6, 6), dtype=torch.float32)[0], torch.arange(4) % 3, elements(D4, 4)
    alone = EquivariantObjective(model, nn.Linear(19, 3), nn.functional.cross_entropy, ACT, rho)
    assert_near(objective(x, y, g).equivariance, alone(x, y, g).equivariance)


def test_the_roll_out_takes_the_settings_of_its_first_frame():
    act = RotateFlip2d(cyclic(4))
    objective = RolloutObjective(
        nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1), nn.functional.mse_loss, act, act, weight=0.2,
        penalty="whitened", output_action=act, fraction=0.5, latent_augmentation=True, control="shuffled",
    )  # fmt: skip
    settings = ("weight", "penalty", "fraction", "latent_augmentation", "shifted_weight", "task_weight", "control")
    assert [getattr(objective, name) for name in settings] == [0.2, "whitened", 0.5, True, 1.0, 1.0, "shuffled"]
    assert objective.input_action is objective.output_action is objective.latents[OUTPUT] is act
    assert objective.state_dict() == {}
    x, y = draws((4, 3, 6, 6), (4, 1, 1, 6, 6), dtype=torch.float32)
    terms = objective(x, y, torch.arange(4))
    assert_near(terms.total, terms.task + terms.shifted_task + terms.latent_task + 0.2 * terms.equivariance)


@pytest.mark.parametrize(
    "settings",
    [{"penalty": "whitened"}]
    + [pytest.param(other, marks=pytest.mark.slow) for other in ({"penalty": "moving"}, {"control": "permuted"})],
)
def test_compiled_equals_eager(settings):
    encoder, head = encoder_and_head()
    x, y, g = draws((12, 6, 6))[0], torch.arange(12) % 3, elements(D4, 12)
    objective = EquivariantObjective(
        encoder, head, nn.functional.cross_entropy, ACT, REPRESENTATIONS["permutation"], latent_augmentation=True,
        **settings,
    )  # fmt: skip
    eager = objective(x, y, g)
    compiled = torch.compile(objective, fullgraph=True, backend="aot_eager")(x, y, g)
    for one, other in zip(eager.log().values(), compiled.log().values(), strict=True):
        assert_near(other, one)
    one, other = (torch.autograd.grad(terms.total, list(encoder.parameters())) for terms in (eager, compiled))
    for a, b in zip(one, other, strict=True):
        assert_near(a, b)
