"""Linear equivariance of layers whose representation is not given."""

import math

import pytest
import torch
from torch import nn

import regrep
from regrep import linear_equivariance, profile_layers
from regrep.actions import Fix, RotateFlip2d
from regrep.diagnostics.principal import principal_components
from regrep.diagnostics.ridge import RIDGES, LinearFit
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral
from tolerance import assert_near

D4 = dihedral(4)
ACT = RotateFlip2d(D4)
X = torch.rand(240, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def symmetric(channels=4, seed=0):
    """A convolution whose kernels do not change under D4: pixels move, channels stay."""
    conv = nn.Conv2d(1, channels, 3, padding=1)
    weight = torch.randn(conv.weight.shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        turned = [torch.rot90(w, k, (2, 3)) for w in (weight, weight.flip(3)) for k in range(4)]
        conv.weight.copy_(torch.stack(turned).mean(dim=0))
    return conv


@pytest.mark.parametrize("channels", [1, 8])
def test_a_steerable_layer_is_linearly_equivariant(channels):
    """With more coordinates than are fitted too: principal components of whole orbits are an invariant space."""
    model = nn.Sequential(symmetric(channels), nn.ELU(), nn.AvgPool2d(2))
    for layer, wide in (("1", True), ("2", channels == 8)):
        found = linear_equivariance(model, X, ACT, layer=layer)
        assert found.r2.min() > 0.999
        assert (found.kept < 1) is wide
        assert found.dim <= 60
        assert found.mean_invariance < 0
        assert found.null.max() < 0.1
        assert found.samples == 120
    assert found.shape == (channels, 4, 4)


def test_multiplicities_are_those_of_the_representation():
    """12 coordinates: the regular representation of D4, E and two invariants, in a basis that hides them."""
    rho = regrep.regular(D4) + regrep.irreps(D4)[-1] + 2 * regrep.trivial(D4)
    x = torch.randn(400, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    basis = torch.randn(12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = linear_equivariance(lambda z: z @ basis + 5, x, rho)
    assert_near(found.r2, torch.ones(8, dtype=torch.float64))
    assert {name: round(m, 6) for name, m in found.multiplicities.items()} == rho.multiplicities()


def test_random_labels_of_elements_leave_what_invariance_gives():
    class Random(RotateFlip2d):
        """Moves every sample by an element of its own, whatever is asked for."""

        draw = torch.Generator().manual_seed(3)

        def apply(self, x, g):
            return super().apply(x, torch.randint(8, (len(x),), generator=self.draw))

    def moving(x):  # one regular copy without its invariant part
        turned = [ACT(x, torch.full((len(x),), int(k)))[:, 0, 0, 2] for k in D4.inverse]
        z = torch.stack(turned, dim=1)
        return z - z.mean(dim=1, keepdim=True)

    x = torch.rand(2000, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    right, random = linear_equivariance(moving, x, ACT), linear_equivariance(moving, x, Random(D4))
    assert right.r2.min() > 0.999
    assert right.random_elements < 0.02
    assert random.r2.max() < 0.02
    assert random.null.max() < 0.02
    assert (random.r2 - random.null).abs().max() < 0.02
    # An invariant part is predicted without any element, and is not taken for equivariance.
    level = lambda x: moving(x) + 3 * x.mean(dim=(1, 2, 3))[:, None]  # noqa: E731
    both, mixed = linear_equivariance(level, x, ACT), linear_equivariance(level, x, Random(D4))
    assert both.r2.min() > 0.999
    assert 0.05 < both.random_elements < 0.95
    assert (mixed.r2 - both.random_elements).abs().max() < 0.05


def test_the_level_of_random_elements_in_a_group_of_two():
    """The share of the invariant part for a steerable layer, 1/4 for latents without any relation."""
    act = RotateFlip2d(dihedral(1))
    x = torch.rand(2000, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    pixels = linear_equivariance(lambda x: x[:, 0, 3].contiguous(), x, act)
    assert pixels.r2.min() > 0.999
    assert pixels.random_elements == pytest.approx(1 / 2, abs=0.05)
    half = linear_equivariance(lambda x: x[:, 0, 3, :4].contiguous(), x, act)
    assert half.mean < 0.02
    assert half.random_elements == pytest.approx(1 / 4, abs=0.05)


def test_invariant_and_unrelated_layers():
    still = linear_equivariance(lambda x: x.flatten(1)[:, :5], X, Fix(D4))
    assert_near(still.invariance, torch.ones(8, dtype=torch.float64))
    assert still.r2.min() > 0.999
    assert still.random_elements > 0.999
    weight = 1e5 * torch.randn(64, 6, generator=torch.Generator().manual_seed(0)).double()
    unrelated = linear_equivariance(lambda x: (x.double().flatten(1) @ weight).sin(), X, ACT)
    assert unrelated.r2[0] > 0.999  # the identity
    assert unrelated.mean < 0.05
    assert unrelated.mean_invariance == pytest.approx(-1, abs=0.2)
    constant = linear_equivariance(lambda x: torch.ones(len(x), 3), X, ACT)
    assert constant.r2.isnan().all()
    assert constant.as_dict()["mean"] is None


def test_layers_show_where_equivariance_is_lost():
    """Stride 2 on an even size with padding on both sides leaves the grid's centre: not even a mirror survives."""
    torch.manual_seed(0)
    strided = symmetric(4)
    strided.stride = (2, 2)
    model = nn.Sequential(
        nn.Sequential(symmetric(1), nn.ReLU(inplace=True)), strided, nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    ).train()
    x = torch.randn(240, 1, 8, 8, generator=torch.Generator().manual_seed(0)) ** 3
    found = profile_layers(model, x, ACT)
    assert list(found.layers) == ["0.0", "0.1", "1", "2", "3", "4"]
    values = {name: layer.mean for name, layer in found.layers.items()}
    assert min(values["0.0"], values["0.1"]) > 0.99
    assert values["1"] < 0.9
    assert values["2"] == pytest.approx(values["3"])
    text = str(found)
    assert all(part in text for part in ("0.1 (ReLU)", "4 x 4 x 4", "linear R2"))
    record = found.as_dict()["layers"][2]
    assert (record["layer"], record["kind"], record["mean"]) == ("1", "Conv2d", values["1"])
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    one = profile_layers(model, x, ACT, layers=["1"])
    assert one.layers["1"].r2.tolist() == found.layers["1"].r2.tolist()
    assert_near(linear_equivariance(model, x, ACT, layer="1").r2, found.layers["1"].r2)
    # The output of the convolution, and not what the ReLU behind it makes of it in place.
    assert found.layers["0.0"].invariance[1] != found.layers["0.1"].invariance[1]


def test_layers_that_are_no_latents_are_skipped():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent, self.unused, self.head = nn.LSTM(8, 4, batch_first=True), nn.Linear(2, 2), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.recurrent(x[:, 0])[0][:, -1])

    found = profile_layers(Odd(), X, ACT)
    assert list(found.layers) == ["head"]
    assert found.skipped == ("recurrent", "unused")
    assert "skipped: recurrent, unused" in str(found)


def test_ridge_against_the_normal_equations():
    generator = torch.Generator().manual_seed(0)
    z, v = (torch.randn(80, 5, dtype=torch.float64, generator=generator) for _ in range(2))
    v = v + z @ torch.randn(5, 5, dtype=torch.float64, generator=generator) + 7
    found = LinearFit(z[:40], z[40:])(v[:40], v[40:])
    a, b = z[:40] - z[:40].mean(dim=0), v[:40] - v[:40].mean(dim=0)
    covariance = a.T @ a / 40
    values = []
    for ridge in RIDGES:
        w = torch.linalg.solve(covariance + ridge * covariance.trace() / 5 * torch.eye(5).double(), a.T @ b / 40)
        rest = v[40:] - v[:40].mean(dim=0) - (z[40:] - z[:40].mean(dim=0)) @ w
        r2 = 1 - rest.square().sum() / (v[40:] - v[40:].mean(dim=0)).square().sum()
        values.append((float(r2), float(w.trace())))
    assert any(found == pytest.approx(value, abs=1e-9) for value in values)


def test_principal_components_are_never_cut_inside_an_eigenspace():
    """The orbits of one vector under the regular representation: eigenspaces of dimension 1, 1, 1, 1 and 4 of D4."""
    rho = regrep.regular(D4)
    z = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = torch.cat([rho(z, torch.full((3,), k)) for k in range(8)])
    matrices = rho.stack()
    for most in range(1, 8):
        found = principal_components(points, most)
        projector = found.basis @ found.basis.T
        assert found.basis.shape[1] <= most
        if found.basis.shape[1] > 1 or most == 1:
            defect = max(float((projector @ m - m @ projector).abs().max()) for m in matrices)
            assert defect < 1e-9 or most == 1
    wide = principal_components(points[:3], 8)
    assert wide.basis.shape == (8, 2)
    assert wide.kept == pytest.approx(1)
    assert_near(wide.basis.T @ wide.basis, torch.eye(2, dtype=torch.float64))
    assert principal_components(torch.ones(4, 3), 2).kept == 1.0


def test_refuses_wrong_input():
    with pytest.raises(RegrepError, match="at least 16 samples, got 8"):
        linear_equivariance(nn.Flatten(), X[:8], ACT)
    with pytest.raises(RegrepError, match="no layer 'nine'"):
        linear_equivariance(nn.Flatten(), X, ACT, layer="nine")
    with pytest.raises(RegrepError, match="only a module has layers, got a function"):
        profile_layers(lambda x: x, X, ACT)
    for width, value in ((64, math.nan), (3, math.nan), (3, math.inf)):
        with pytest.raises(RegrepError, match="finite, got NaN"):
            linear_equivariance(lambda x, w=width, v=value: x.flatten(1)[:, :w] * v, X, RotateFlip2d(cyclic(4)))
    with pytest.raises(RegrepError, match="batch_size is an integer of at least 1, got 0"):
        profile_layers(nn.Flatten(), X, ACT, batch_size=0)
    assert "tested on 120 samples" in str(linear_equivariance(lambda x: x.flatten(1)[:, :3], X, ACT))


def test_the_ridge_is_chosen_for_what_it_predicts():
    """Least squares with 40 inputs from 60 samples would do worse than the mean by far; exact maps need no ridge."""
    generator = torch.Generator().manual_seed(0)
    z, v = (torch.randn(120, 40, dtype=torch.float64, generator=generator) for _ in range(2))
    fit = LinearFit(z[:60], z[60:])
    assert -0.1 < fit(v[:60], v[60:]).r2 < 0.05
    exact = z @ v[:40]
    assert fit(exact[:60], exact[60:]).r2 > 1 - 1e-9


@pytest.mark.parametrize(("small", "kept"), [(0.5, 2), (1e-3, 2), (2e-4, 2), (5e-5, 1), (0.0, 1)])
def test_directions_with_a_ten_thousandth_of_the_largest_spread_count(small, kept):
    square = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, small, 0], [0, -small, 0]], dtype=torch.float64)
    for points in (square, torch.nn.functional.pad(square, (0, 4))):  # more points than coordinates, and fewer
        found = principal_components(points + 7, 3)
        assert found.basis.shape[1] == kept
        assert found.kept == pytest.approx(1.0)
        assert_near(found.basis.T @ found.basis, torch.eye(kept, dtype=torch.float64))
        assert_near(found(points + 7)[:, 0], points[:, 0] * found.basis[0, 0])
        assert_near(found(points + 7), points @ found.basis)


def test_constant_inputs_or_targets_have_no_map():
    generator = torch.Generator().manual_seed(0)
    z, v = (torch.randn(40, 3, generator=generator).double() for _ in range(2))
    still = torch.ones(20, 3, dtype=torch.float64)
    assert all(map(math.isnan, LinearFit(still, still)(v[:20], v[20:])))
    assert all(map(math.isnan, LinearFit(z[:20], z[20:])(v[:20], still)))
    assert not any(map(math.isnan, LinearFit(z[:20], z[20:])(v[:20], v[20:])))
    assert math.isnan(LinearFit(z[:20], z[20:]).same(still))
    # Σ|z - v|² by the variance of v
    expected = 1 - (z[20:] - v[20:]).square().sum() / (v[20:] - v[20:].mean(0)).square().sum()
    assert LinearFit(z[:20], z[20:]).same(v[20:]) == pytest.approx(float(expected))


def test_an_odd_number_of_samples_has_two_halves():
    found = linear_equivariance(lambda x: x.flatten(1)[:, :3], X[:33], ACT, batch_size=7)
    assert found.samples == 17
    same = linear_equivariance(lambda x: x.flatten(1)[:, :3], X[:33], ACT, batch_size=33)
    assert_near(found.r2, same.r2)
    assert found.null.tolist() != linear_equivariance(lambda x: x.flatten(1)[:, :3], X[:33], ACT, seed=1).null.tolist()
