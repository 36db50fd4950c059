"""What the measures of equivariance say about encoders that are known, and what cannot fool them."""

import functools
import math

import pytest
import torch
from torch import nn

import regrep
from regrep import equivariance_error, profile, through_rho
from regrep.actions import Fix, RotateFlip2d, SideBySide
from regrep.diagnostics import CollapseWarning, EvaluationWarning
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, parse, quaternion, symmetric
from regrep.representations.layouts import grid
from tolerance import assert_near

D4 = dihedral(4)
ACT, RHO = RotateFlip2d(D4), regrep.regular(D4)
X = torch.randn(300, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
MEASURES = ("error", "offset", "moving_error", "whitened_error")


def orbit_encoder(x, act=ACT, copies=1):
    """E(x)[j, k] = phi_j(k⁻¹ x), exactly equivariant, and no linear function of x."""
    size = x[0].numel()
    phi = torch.randn(size, copies, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    inverse = [torch.full((len(x),), int(k)) for k in act.group.inverse]
    turned = [(act(x, k).flatten(1) @ phi).relu() for k in inverse]
    return torch.stack(turned, dim=2).flatten(1)


def unrelated(dim, seed=0):
    """Every input gets a latent of its own, which has nothing to do with that of any other input."""
    weight = torch.randn(36, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 1e6

    def encode(x):
        phase = (x.flatten(1) @ weight).sin() * 43758.5453
        return (phase - phase.floor() - 0.5) * math.sqrt(12)

    return encode


def slow(encode, x, act, rho, k):
    """The definitions, sample by sample, with matrices: error, offset, moving, whitened, share."""
    matrices, count = rho.stack(), len(x)
    z, v = encode(x), encode(act(x, torch.full((count,), k)))
    project = torch.eye(rho.dim, dtype=z.dtype) - matrices.mean(dim=0)

    def of(change):
        w = torch.stack([change @ matrices[k] @ row for row in z])
        u = torch.stack([change @ row for row in v])
        w_mean, u_mean = sum(w) / count, sum(u) / count
        variance = sum((a - w_mean) @ (a - w_mean) + (b - u_mean) @ (b - u_mean) for a, b in zip(w, u, strict=True))
        apart = sum((a - w_mean - b + u_mean) @ (a - w_mean - b + u_mean) for a, b in zip(w, u, strict=True))
        return math.sqrt(apart / variance), math.sqrt(count * (w_mean - u_mean) @ (w_mean - u_mean) / variance)

    centred = z - sum(z) / count
    covariance = sum(torch.outer(row, row) for row in centred) / count
    lower = torch.linalg.cholesky(covariance + 1e-4 * covariance.trace() / rho.dim * torch.eye(rho.dim, dtype=z.dtype))
    eye = torch.eye(rho.dim, dtype=z.dtype)
    # Whitened after rho has moved them: L⁻¹ rho(g) z, with rho(g) z = change @ matrix @ z.
    share = sum((project @ row) @ (project @ row) for row in centred) / sum(row @ row for row in centred)
    return (*of(eye), of(project)[0], of(torch.linalg.inv(lower))[0], float(share))


@pytest.mark.parametrize("rho", [regrep.latent(D4, 11), regrep.standard(dihedral(3)) + regrep.regular(dihedral(3))])
@pytest.mark.parametrize("batch_size", [7, 256])
def test_the_definitions_by_slow_loops(rho, batch_size):
    group = rho.group
    act = Fix(group) if group.order == 6 else ACT
    weight = torch.randn(36, rho.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(5))

    def encode(x):
        return (x.flatten(1) @ weight).relu() + torch.arange(rho.dim)

    found = equivariance_error(encode, X[:50], act, rho, batch_size=batch_size)
    for k in range(group.order):
        *expected, share = slow(encode, X[:50], act, rho, k)
        measured = torch.stack([getattr(found, name)[k] for name in MEASURES])
        assert_near(measured, torch.tensor(expected, dtype=torch.float64))
        assert found.moving_share == pytest.approx(share)
        assert found.total[k] == pytest.approx(math.hypot(expected[0], expected[1]))


@pytest.mark.parametrize("batch_size", [3, 256])
def test_uncentred_absolute_scale_and_spread_by_slow_loops(batch_size):
    """Latents of moved inputs are larger than those of the inputs, so that it matters which is divided by."""
    weight = torch.randn(36, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(6)).abs()
    x = X[:10].abs() * torch.linspace(0, 1, 6, dtype=torch.float64)  # brighter to the right

    def encode(x):
        return (x * torch.linspace(0, 3, 6, dtype=torch.float64)).flatten(1) @ weight

    found = equivariance_error(encode, x, ACT, RHO, batch_size=batch_size)
    z = encode(x)
    mean = sum(z) / 10
    assert found.scale == pytest.approx(math.sqrt(sum(float(row @ row) for row in z) / 80))
    assert found.spread == pytest.approx(math.sqrt(sum(float((row - mean) @ (row - mean)) for row in z) / 80))
    for k in range(8):
        w = [RHO.matrix(k) @ row for row in z]
        v = encode(ACT(x, torch.full((10,), k)))
        apart = sum(float((a - b) @ (a - b)) for a, b in zip(w, v, strict=True))
        norm = sum(float(b @ b) for b in v)
        assert found.uncentred[k] == pytest.approx(math.sqrt(apart / norm))
        assert found.absolute[k] == pytest.approx(math.sqrt(apart / 80))
    for name in ("whitened_error", "error", "offset", "moving_error", "total", "uncentred"):
        values = getattr(found, name).tolist()
        assert getattr(found, f"mean_{name}") == pytest.approx(sum(values[1:]) / 7)
    with pytest.warns(DeprecationWarning, match="is an old name"):
        assert torch.equal(found.relative, found.uncentred)
    with pytest.warns(DeprecationWarning, match="is an old name"):
        assert found.mean_relative == found.mean_uncentred
    with pytest.warns(DeprecationWarning, match="is an old name"):
        assert torch.equal(found.centred, found.total)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
def test_a_constant_is_an_offset_and_no_error(scale):
    for constant, invariant in ((torch.arange(16.0), False), (torch.tensor([3.0] * 8 + [-2.0] * 8), True)):
        found = equivariance_error(lambda x, c=constant: scale * (orbit_encoder(x, copies=2) + 50 * c), X, ACT, 2 * RHO)
        assert max(float(getattr(found, name).max()) for name in ("error", "moving_error")) < 1e-10
        assert found.whitened_error.max() < 1e-8
        assert (found.mean_offset < 1e-10) is invariant
        assert (found.mean_total < 1e-10) is invariant
        if not invariant:
            assert found.mean_uncentred > 0.1


def test_scale_changes_nothing_and_a_constant_hides_the_error_from_the_uncentred_one_alone():
    encode = unrelated(8)
    one = equivariance_error(encode, X, ACT, RHO)
    small = equivariance_error(lambda x: 1e-3 * encode(x), X, ACT, RHO)
    hidden = equivariance_error(lambda x: encode(x) + 100, X, ACT, RHO)
    for name in (*MEASURES, "uncentred"):
        assert_near(getattr(one, name), getattr(small, name))
    for name in ("error", "moving_error", "whitened_error"):
        assert_near(getattr(one, name), getattr(hidden, name))
    assert one.moving_share == pytest.approx(small.moving_share)
    assert hidden.mean_uncentred < 0.02 < 0.9 < hidden.mean_whitened_error


def test_an_invariant_encoder_is_equivariant_in_a_trivial_way():
    def encode(x):
        return x.square().sum(dim=(1, 2))[:, None].expand(-1, 8) * torch.tensor([1.0] * 8)

    for dtype in (torch.float64, torch.float32):
        found = equivariance_error(encode, X.to(dtype), ACT, RHO)
        assert found.moving_share == 0
        assert found.invariant
        assert found.moving_error.isnan().all()
        assert math.isnan(found.mean_moving_error)
        assert found.mean_whitened_error < 1e-2
        assert "the latent is invariant: trivially equivariant" in str(found)
        assert found.as_dict()["moving_error"] == [None] * 8
    moving = equivariance_error(orbit_encoder, X, ACT, RHO)
    assert "trivial way" not in str(moving)
    assert moving.moving_share > 0.5


@pytest.mark.parametrize("name", ["C2", "D1 x D1", "D4 x D4"])
def test_unrelated_latents_have_error_one(name):
    group = parse(name)
    rho = regrep.latent(group, max(8, group.order))
    x = torch.arange(4096.0 * 36).reshape(4096, 6, 6).double().sin()
    count = iter(range(10**6))

    class Elsewhere(Fix):
        """Moves every input to another one, so that its latent is unrelated."""

        def apply(self, x, g):
            return x if not bool(g.any()) else x + 1e-3 * (1 + next(count))

    found = equivariance_error(unrelated(rho.dim), x, Elsewhere(group), rho, batch_size=4096)
    for measure in ("error", "moving_error", "whitened_error"):
        values = getattr(found, measure)
        assert values[0] == 0
        assert (values[1:] - 1).abs().max() < 0.02, measure
    assert found.mean_whitened_error == pytest.approx(1, abs=0.02)  # the identity is not among them
    assert found.moving_share == pytest.approx(1 - rho.invariant_dim / rho.dim, abs=0.02)


@pytest.mark.parametrize("added", [1, 8, 16])
def test_a_decoy_does_not_hide_unrelated_directions(added):
    """An equivariant signal of 100 times the size: worth the directions that it takes, by 2 % at most for each."""
    own = unrelated(64)

    def decoy(x):
        z = orbit_encoder(x, copies=-(-added // 8))
        return z if added > 1 else z.mean(dim=1, keepdim=True)

    def encode(x):
        return torch.cat([own(x), 100 * decoy(x) / decoy(X).std()], dim=1)

    x = torch.randn(4096, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    rho = 8 * RHO + (regrep.trivial(D4) if added == 1 else added // 8 * RHO)
    found = equivariance_error(encode, x, ACT, rho)
    assert found.mean_error < 0.1
    assert found.mean_whitened_error > max(1 - 0.02 * added, 0.85)
    assert found.mean_whitened_error < math.sqrt(64 / (64 + added)) + 0.005


def test_feature_maps_are_whitened_over_channels():
    """Two channels, an equivariant and strong one beside an unrelated one, mixed: half of the directions are wrong."""
    act, noise = RotateFlip2d(cyclic(4)), unrelated(36)
    rho = grid(act.pixels(6), (2, 6, 6))
    for mix in (torch.eye(2), torch.tensor([[1.0, 2.0], [3.0, -1.0]])):
        found = equivariance_error(
            lambda x, mix=mix: torch.einsum(
                "ij,bjhw->bihw", mix.double(), torch.stack([30 * x, noise(x).reshape(-1, 6, 6)], dim=1)
            ),
            X,
            act,
            rho,
        )
        assert found.mean_error < 0.1
        assert found.mean_whitened_error == pytest.approx(math.sqrt(1 / 2), rel=0.03)


def test_an_output_shows_offset_and_error_together():
    found = equivariance_error(lambda x: x + torch.arange(6.0), X, ACT, ACT)
    assert found.is_output
    assert "total" in str(found)
    assert_near(found.total.square(), found.error.square() + found.offset.square())
    assert "total" not in str(equivariance_error(orbit_encoder, X, ACT, RHO))
    assert {"total", "mean_total", "whitened_error", "moving_share", "round_trip"} <= set(found.as_dict())


class Noisy(nn.Module):
    """Batch statistics and dropout before an encoder."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(36), nn.Dropout(0.3), nn.Linear(36, 8)).double()

    def forward(self, x):
        return self.inner(x)

    def encode(self, x, times=1):
        return times * self.inner(x)


class Holder:
    """Holds a module out of sight: in slots."""

    __slots__ = ("module",)


def functional(module):
    """The same without calling the modules: none of their hooks runs."""

    def run(x):
        norm, linear = module.inner[1], module.inner[3]
        x = nn.functional.batch_norm(
            x.flatten(1), norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training
        )
        return linear.forward(nn.functional.dropout(x, 0.3, module.inner[2].training))

    return run


@pytest.mark.parametrize(
    "kind",
    [
        "module", "method", "partial", "partial of a module", "function", "functional", "hidden function", "layer",
        "layer of a function",
    ],
)  # fmt: skip
def test_measuring_leaves_the_module_as_it_was(kind):
    module, holder = Noisy().train(), Holder()
    holder.module = module
    module.inner[3].eval()
    encoder = {
        "module": module,
        "method": module.encode,
        "partial": functools.partial(module.encode, times=2),
        "partial of a module": functools.partial(lambda inner, x: inner(x), module),
        "function": lambda x: module(x),
        "functional": functional(module),
        "hidden function": lambda x: holder.module(x),
        "layer of a function": lambda x: module(x),
        "layer": module,
    }[kind]
    expected = equivariance_error(module.inner.eval(), X, ACT, RHO).whitened_error
    module.train()
    module.inner[3].eval()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    if kind == "hidden function":
        with pytest.warns(EvaluationWarning, match=r"training mode \(BatchNorm1d, Dropout\)"):
            found = equivariance_error(encoder, X, ACT, RHO)
    else:
        found = equivariance_error(encoder, X, ACT, RHO, layer="inner" if "layer" in kind else None)
    assert_near(found.whitened_error, expected)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert [part.training for part in module.inner] == [True, True, True, False]
    assert module.training


def test_a_random_encoder_is_warned_about():
    linear = nn.Linear(36, 8).double()
    with pytest.warns(EvaluationWarning, match="the equivariance error of the identity is"):
        equivariance_error(lambda x: nn.functional.dropout(linear(x.flatten(1)), 0.5), X, ACT, RHO)
    with pytest.warns(EvaluationWarning, match="calls modules in training mode"):
        through_rho(lambda x: nn.Dropout(0.5)(linear(x.flatten(1))), nn.Identity(), X, X, ACT, RHO, lambda a, b: 0.0)


def test_old_names_say_the_new_ones():
    found = equivariance_error(unrelated(8), X, ACT, RHO)
    for old, new in (("relative", found.uncentred), ("centred", found.total)):
        with pytest.warns(DeprecationWarning, match=f"{old} is an old name"):
            assert torch.equal(getattr(found, old), new)
    with pytest.warns(DeprecationWarning, match="mean_relative is an old name"):
        assert found.mean_relative == found.mean_uncentred


def accuracy(outputs, y):
    return (outputs.argmax(dim=1) == y).double().mean()


def test_an_equivariant_encoder_passes_through_rho():
    torch.manual_seed(0)
    x, y = X, torch.randint(3, (300,), generator=torch.Generator().manual_seed(7))
    weight = torch.randn(4, 3, dtype=torch.float64)

    def head(z):  # invariant: uses the mean over each copy alone
        return z.unflatten(1, (4, 8)).mean(dim=2) @ weight

    exact = through_rho(functools.partial(orbit_encoder, copies=4), head, x, y, ACT, 4 * RHO, accuracy)
    assert exact.values.tolist() == [exact.own] * 8
    assert exact.mean == exact.own == float(accuracy(head(orbit_encoder(x, copies=4)), y))

    linear = nn.Linear(32, 3).double()
    any_head = through_rho(functools.partial(orbit_encoder, copies=4), linear, x, y, ACT, 4 * RHO, accuracy)
    for k in range(8):  # exactly equivariant: the same as feeding the moved input
        expected = accuracy(linear(orbit_encoder(ACT(x, torch.full((300,), k)), copies=4)), y)
        assert any_head.values[k] == expected
    assert any_head.as_dict()["own"] == any_head.own == any_head.values[0]
    assert "head(E(x))" in str(any_head)


def test_through_rho_moves_the_targets():
    conv = nn.Conv2d(1, 1, 1).double()
    x = X[:, None]
    distance = lambda outputs, y: (outputs - y).square().mean()  # noqa: E731
    moved = through_rho(nn.Identity(), conv, x, conv(x).detach(), ACT, ACT, distance, output_action=ACT, batch_size=70)
    assert moved.values.abs().max() < 1e-20
    still = through_rho(nn.Identity(), conv, x, conv(x).detach(), ACT, ACT, distance)
    assert still.mean > 1e-2
    with pytest.raises(RegrepError, match="representation of C4, but D4 acts"):
        through_rho(nn.Identity(), conv, x, x, ACT, regrep.regular(cyclic(4)), distance)


@pytest.mark.parametrize("group", [D4, cyclic(5), quaternion(), dihedral(3)], ids=lambda group: group.name)
def test_shares_of_a_profile_add_up(group):
    """Types R, C and H: every part is counted once."""
    rho = regrep.regular(group) + regrep.trivial(group) + regrep.irreps(group)[-1]
    x = torch.randn(500, rho.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = profile(lambda z: z * torch.arange(1, rho.dim + 1), x, rho, rho)
    assert float(found.share.sum()) == pytest.approx(1, abs=1e-12)
    assert found.irreps == tuple(chi.name for chi in regrep.irreps(group))
    plain = profile(lambda z: z + torch.arange(rho.dim), x, rho, rho)
    expected = torch.tensor(
        [m * chi.dim for m, chi in zip(rho.multiplicities().values(), regrep.irreps(group), strict=True)]
    )
    assert (plain.share * rho.dim / expected - 1).abs().max() < 0.15
    assert plain.error.max() < 1e-10
    assert plain.mean_offset[0] < 1e-10 < 0.1 < plain.mean_offset[1:].max()
    error = equivariance_error(lambda z: z * torch.arange(1, rho.dim + 1), x, rho, rho)
    assert 1 - float(found.share[0]) == pytest.approx(error.moving_share)


def test_a_profile_finds_the_broken_part():
    """Copies of A1, E: the part of E does not move as it should."""
    irreps = {rho.name: rho for rho in regrep.irreps(D4)}
    rho = irreps["A1"] + irreps["E"]
    x = torch.randn(400, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fixed = Fix(D4)
    found = profile(lambda z: z, x, fixed, rho)
    parts = dict(zip(found.irreps, found.mean_error.tolist(), strict=True))
    assert parts["A1"] < 1e-12
    assert parts["E"] == pytest.approx(profile(lambda z: z, x, fixed, rho).mean_error[-1])
    assert parts["E"] > 0.5
    assert math.isnan(parts["B1"])
    assert found.as_dict()["mean_error"][found.irreps.index("B1")] is None
    assert "share" in str(found)
    assert "nan" in str(found)


def test_profiles_of_products_and_layers():
    act = SideBySide(RotateFlip2d(cyclic(2)), RotateFlip2d(dihedral(1)))
    x = torch.randn(60, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8).double())
    found = profile(model, x, act, regrep.latent(act.group, 8), layer="1", batch_size=13)
    assert float(found.share.sum()) == pytest.approx(1)
    assert found.error.shape == (4, 4)
    assert found.error[:, 0].max() < 1e-12
    still = profile(lambda x: torch.ones(len(x), 8), x, act, regrep.latent(act.group, 8))
    assert still.share.isnan().all()


def test_collapse_leaves_no_number():
    with pytest.warns(CollapseWarning):
        found = equivariance_error(lambda x: torch.ones(len(x), 8), X, ACT, RHO)
    for name in (*MEASURES, "uncentred", "total"):
        assert getattr(found, name).isnan().all()
    assert math.isnan(found.moving_share)
    assert not found.invariant


def test_a_group_too_large_for_a_table_is_refused_before_anything_runs():
    called, act = [], Fix(symmetric(10))
    natural, head = regrep.natural(symmetric(10)), nn.Identity()
    encoder = nn.Linear(10, 10)
    encoder.register_forward_hook(lambda *given: called.append(given))
    x = torch.randn(20, 10)
    distance = lambda outputs, y: 0.0  # noqa: E731
    for measure in (
        lambda: through_rho(encoder, head, x, x, act, natural, distance),
        lambda: regrep.diagnostics.through_layer(nn.Sequential(encoder, head), "0", x, x, act, natural, distance),
        lambda: regrep.linear_equivariance(encoder, x, act),
        lambda: regrep.profile_layers(encoder, x, act),
        lambda: profile(encoder, x, act, natural),
    ):
        with pytest.raises(RegrepError, match="S10 has 3628800 elements, more than the 1000 of a multiplication table"):
            measure()
    assert not called
