"""The objective and its penalty: values, gradients, modes, and what it refuses."""

import shutil
import warnings

import pytest
import torch
from torch import nn

import regrep
from regrep import EquivariantObjective, equivariance_loss, relative_error
from regrep.actions import RotateFlip2d, SideBySide
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral
from regrep.objectives import Terms
from tolerance import assert_near

G = dihedral(4)
ACT = RotateFlip2d(G)
RHO = regrep.latent(G, 20)

COMPILER = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


def network(seed=0, width=20):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, width)), nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, 3))


def batch(size=8, seed=1, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 6, 6, generator=generator).to(dtype)
    return x, torch.randint(3, (size,), generator=generator), torch.randint(8, (size,), generator=generator)


def objective(encoder, head, **settings):
    settings = {"latent": RHO, "input_action": ACT, "task_loss": nn.functional.cross_entropy, **settings}
    return EquivariantObjective(encoder, head, **settings)


@pytest.mark.parametrize(
    ("act", "shape"),
    [
        (ACT, (6, 6)),
        (RotateFlip2d(cyclic(4)), (6, 6)),
        (SideBySide(RotateFlip2d(cyclic(4)), RotateFlip2d(dihedral(1))), (8, 8)),
    ],
    ids=str,
)
@pytest.mark.parametrize("penalty", ["mse", "relative"])
def test_an_equivariant_encoder_costs_nothing(act, shape, penalty):
    """E(x)[k] = phi(k^-1 x) is exactly equivariant under the left regular representation."""
    group = act.group
    x = torch.randn(5, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    phi = torch.randn(shape[0] * shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def encode(x):
        turned = [act(x, torch.full((len(x),), int(group.inverse[k]))) for k in range(group.order)]
        return torch.stack([t.flatten(1) @ phi for t in turned], dim=1)

    rho = regrep.regular(group)
    for k in range(group.order):
        g = torch.full((5,), k)
        assert equivariance_loss(encode(x), encode(act(x, g)), g, rho, penalty) < 1e-10
    wrong = group.inverse[torch.full((5,), 1)]
    if group.inverse[1] != 1:
        assert equivariance_loss(encode(x), encode(act(x, wrong)), torch.full((5,), 1), rho, penalty) > 1e-3


def test_penalties_by_hand():
    rho = regrep.regular(cyclic(2))
    z, z_g, g = (
        torch.tensor([[1.0, 2.0], [3.0, 5.0]]),
        torch.tensor([[2.0, 2.0], [3.0, 5.0]]),
        torch.tensor([1, 0]),
    )
    # rho(g) z = [[2, 1], [3, 5]]; squares of the difference 0, 1, 0, 0
    assert equivariance_loss(z, z_g, g, rho) == 0.25
    # columns over both halves: 2, 3, 2, 3 (variance 1/4) and 1, 5, 2, 5 (variance 51/16)
    assert equivariance_loss(z, z_g, g, rho, "relative").item() == pytest.approx(0.25 / ((0.25 + 51 / 16) / 2))
    assert relative_error(z, z_g, g, rho).item() == pytest.approx((1 / 42) ** 0.5)


def test_relative_penalty_ignores_scale_and_mse_does_not():
    x, _, g = batch(64)
    encoder, _ = network()
    z, z_g = encoder(x), encoder(ACT(x, g))
    small = [equivariance_loss(1e-3 * z, 1e-3 * z_g, g, RHO, p) for p in ("mse", "relative")]
    large = [equivariance_loss(z, z_g, g, RHO, p) for p in ("mse", "relative")]
    assert_near(small[1], large[1])
    assert small[0] < 1e-5 * large[0]


def test_relative_penalty_of_unrelated_vectors_is_two():
    generator = torch.Generator().manual_seed(0)
    z, z_g = (torch.randn(4096, 8, generator=generator) + 5 for _ in range(2))
    loss = equivariance_loss(z, z_g, torch.zeros(4096, dtype=torch.int64), regrep.regular(G), "relative")
    assert loss.item() == pytest.approx(2, abs=0.05)


def test_gradients_against_finite_differences():
    generator = torch.Generator().manual_seed(0)
    z, z_g = (torch.randn(4, 8, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2))
    g = torch.tensor([1, 5, 0, 7])
    for penalty in ("mse", "relative"):
        assert torch.autograd.gradcheck(
            lambda a, b, p=penalty: equivariance_loss(a, b, g, regrep.regular(G), p), (z, z_g)
        )


def test_total_is_the_sum_of_its_parts():
    encoder, head = network()
    x, y, g = batch()
    terms = objective(encoder, head, weight=0.7)(x, y, g)
    outputs = head(encoder(torch.cat([x, ACT(x, g)])))
    assert_near(terms.task, nn.functional.cross_entropy(outputs[:8], y))
    assert_near(terms.shifted_task, nn.functional.cross_entropy(outputs[8:], y))
    assert_near(terms.equivariance, (RHO(encoder(x), g) - encoder(ACT(x, g))).square().mean())
    assert_near(terms.total, terms.task + terms.shifted_task + 0.7 * terms.equivariance)
    logged = {"train/" + name for name in Terms._fields[:5]}
    assert set(terms.log("train/", errors=False)) == logged
    assert set(terms.log("train/")) == logged | {"train/whitened_error", "train/moving_share"}
    assert not any(value.requires_grad for value in terms.log().values())


def test_weight_zero_measures_without_gradient():
    encoder, head = network()
    x, y, g = batch()
    terms = objective(encoder, head, weight=0)(x, y, g)
    assert terms.equivariance > 0
    assert not terms.equivariance.requires_grad
    assert_near(terms.total, terms.task + terms.shifted_task)


def test_as_published_drops_the_shifted_task():
    encoder, head = network()
    x, y, g = batch()
    terms = objective(encoder, head, shifted_weight=0.0)(x, y, g)
    assert_near(terms.total, terms.task + terms.equivariance)


@pytest.mark.parametrize(("fraction", "count"), [(0.0, 0), (0.25, 2), (0.3, 3), (1.0, 8)])
def test_fraction_moves_a_part_of_the_batch(fraction, count):
    encoder, head = network()
    x, y, g = batch()
    seen = []
    terms = objective(lambda x: (seen.append(len(x)), encoder(x))[1], head, fraction=fraction)(x, y, g)
    assert seen == [8 + count]
    if count:
        expected = (RHO(encoder(x[:count]), g[:count]) - encoder(ACT(x[:count], g[:count]))).square().mean()
        assert_near(terms.equivariance, expected)
    else:
        assert terms.total == terms.task


def test_latent_augmentation_trains_the_head_on_moved_latents():
    encoder, head = network()
    head = head.eval()  # so that batch normalisation does not couple the passes
    x, y, g = batch()
    encoded = []
    terms = objective(lambda x: (encoded.append(len(x)), encoder(x))[1], head, fraction=0, latent_augmentation=True)(
        x, y, g
    )
    assert encoded == [8]
    assert_near(terms.latent_task, nn.functional.cross_entropy(head(RHO(encoder(x), g)), y))
    assert_near(terms.total, terms.task + terms.latent_task)


def test_output_action_moves_the_targets():
    """Images to images: the target of gx is gy."""
    conv = nn.Conv2d(1, 1, 1)
    x = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    loop = EquivariantObjective(conv, nn.Identity(), nn.functional.mse_loss, ACT, latent=ACT, output_action=ACT)
    terms = loop(x, x, torch.arange(6))
    assert_near(terms.task, terms.shifted_task)  # a 1 x 1 convolution commutes with the action
    assert terms.equivariance < 1e-12
    wrong = EquivariantObjective(conv, nn.Identity(), nn.functional.mse_loss, ACT, latent=ACT)(x, x, torch.arange(6))
    assert (wrong.shifted_task - wrong.task).abs() > 1e-3


def test_several_layers_of_a_whole_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 9), nn.ReLU(), nn.Linear(9, 3))
    latents = {"1": regrep.latent(G, 16), "3": regrep.latent(G, 9)}
    x, y, g = batch()
    terms = objective(model, None, latent=latents)(x, y, g)
    losses = []
    for layer, rho in latents.items():
        with regrep.latent_of(model, layer) as tap:
            model(x)
            z = tap.value
            model(ACT(x, g))
            losses.append(equivariance_loss(z, tap.value, g, rho))
    assert_near(terms.equivariance, torch.stack(losses).mean())
    assert_near(terms.task, nn.functional.cross_entropy(model(x), y))
    assert not any(module._forward_hooks for module in model.modules())


def test_own_moved_inputs_are_used():
    encoder, head = network()
    x, y, g = batch()
    gx = ACT(x, g) + 1
    terms = objective(encoder, head)(x, y, g, gx=gx)
    assert_near(terms.equivariance, (RHO(encoder(x), g) - encoder(gx)).square().mean())
    with pytest.raises(RegrepError, match="need their elements g"):
        objective(encoder, head)(x, y, gx=gx)


def test_draws_elements_from_the_generator():
    encoder, head = network()
    x, y, _ = batch()
    first, second, other = (
        objective(encoder, head)(x, y, generator=torch.Generator().manual_seed(seed)).equivariance for seed in (0, 0, 1)
    )
    assert first == second != other


def test_owns_nothing():
    encoder, head = network()
    loop = objective(encoder, head)
    assert list(loop.parameters()) == list(loop.buffers()) == []
    assert loop.state_dict() == {}
    assert "weight=1.0" in repr(loop)


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=[pytest.mark.slow, COMPILER])])
def test_compiled_equals_eager(backend):
    encoder, head = network()
    x, y, g = batch()
    for settings in (
        {"penalty": "mse"},
        {"penalty": "relative", "fraction": 0.5, "latent_augmentation": True},
    ):
        loop = objective(encoder, head.eval(), **settings)
        eager = loop(x, y, g)
        gradient = torch.autograd.grad(eager.total, list(encoder.parameters()))
        compiled = torch.compile(loop, fullgraph=True, backend=backend)(x, y, g)
        for one, other in zip(eager.log().values(), compiled.log().values(), strict=True):
            assert_near(other, one)
        again = torch.autograd.grad(compiled.total, list(encoder.parameters()))
        for one, other in zip(gradient, again, strict=True):
            assert_near(other, one)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_sums_in_single(dtype):
    encoder, head = network()
    x, y, g = batch(64)
    loop = objective(encoder, head, penalty="relative")
    exact = loop(x, y, g)
    with torch.autocast("cpu", dtype):
        half = loop(x, y, g)
    assert half.equivariance.dtype == torch.float32
    assert abs((half.equivariance / exact.equivariance).item() - 1) < 2e-2
    half.total.backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


def test_float64_is_kept():
    encoder, head = network()
    x, y, g = batch(dtype=torch.float64)
    terms = objective(encoder.double(), head.double())(x, y, g)
    assert {value.dtype for value in terms.log().values()} == {torch.float64}


def test_capacity_warning_comes_once_and_only_where_it_applies():
    encoder, _ = network()
    head = nn.Linear(20, 100)
    x, y, g = batch()
    loop = objective(encoder, head)
    with pytest.warns(regrep.CapacityWarning, match="has 6 invariant coordinates .* 100 invariant outputs"):
        loop(x, y, g)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop(x, y, g)
        objective(encoder, head, weight=0)(x, y, g)
        objective(encoder, nn.Linear(20, 3))(x, y, g)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -0.1}, "weight is a finite number of at least 0, got -0.1"),
        ({"weight": float("nan")}, "weight is a finite number"),
        ({"shifted_weight": -1}, "shifted_weight is a finite number"),
        ({"penalty": "l2"}, 'penalty is "mse", "relative", "whitened" or "moving", got \'l2\''),
        ({"control": "random"}, 'control is "permuted", "shuffled" or "shrunk", got \'random\''),
        ({"fraction": 1.5}, "from 0 to 1, got 1.5"),
        ({"latent": regrep.latent(cyclic(4), 20)}, "representation of C4, but D4 acts on the data"),
        ({"latent": "D4"}, "latent is called as .tensor, elements., got 'D4'"),
        ({"input_action": dihedral(4)}, "input_action is called as .tensor, elements."),
        ({"latent": {}}, "at least one layer"),
        ({"latent": {"9": RHO}}, "no layer '9'"),
        ({"output_action": RotateFlip2d(cyclic(4))}, "C4 acts on the outputs, but D4 on the data"),
        ({"latent": {"1": RHO}, "latent_augmentation": True}, "needs a head and a representation"),
        ({"output_action": lambda y, g: y}, "a group is a FiniteGroup, got <function"),
        ({"input_action": lambda x, g: x}, "a group is a FiniteGroup, got <function"),
        ({"output_action": 3}, "output_action is a module or a function, got 3"),
        ({"task_loss": "mse"}, "task_loss is a module or a function, got 'mse'"),
        ({"one_sided": 1}, "one_sided is True or False, got 1"),
        ({"latent_augmentation": None}, "latent_augmentation is True or False, got None"),
        ({"control_seed": -1}, f"control_seed is an integer from 0 to {2**62}, got -1"),
    ],
)
def test_wrong_settings_say_so(settings, message):
    encoder, head = network()
    with pytest.raises(RegrepError, match=message):
        objective(encoder, head, **settings)


def test_wrong_models_say_so():
    encoder, head = network()
    with pytest.raises(RegrepError, match='pass latent={"layer": rho}'):
        objective(encoder, None)
    with pytest.raises(RegrepError, match="the encoder is a function"):
        objective(lambda x: x, head, latent={"1": RHO})
    narrow, _ = network(width=6)
    x, y, g = batch()
    with pytest.raises(RegrepError, match=r"acts on tensors \[B, ..., 20\], got \[8, 6\]"):
        objective(narrow, nn.Identity())(x, y, g)
    with pytest.raises(RegrepError, match="index from 0 to 7, got 8"):
        objective(encoder, head)(x, y, torch.full_like(g, 8))
    with pytest.raises(RegrepError, match=r"a real tensor \[16, ...\], one row per input, got float32 \[15, 20\]"):
        objective(lambda x: encoder(x)[1:], head)(x, y, g)
    with pytest.raises(RegrepError, match="at least one input, got list"):
        objective(encoder, head)(x.tolist(), y, g)
    with pytest.raises(RegrepError, match=r"task_loss returns a scalar, got shape \[8\]"):
        objective(encoder, head, task_loss=nn.CrossEntropyLoss(reduction="none"))(x, y, g)


def test_tap_reads_any_layer_and_leaves_no_hook():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.LSTM(3, 3, batch_first=True))
    with regrep.latent_of(model, "0") as tap:
        with pytest.raises(RegrepError, match="has not run yet"):
            _ = tap.value
        model(torch.ones(1, 4, 2))
        assert tap.value.shape == (1, 4, 3)
    with regrep.latent_of(model, "2"), pytest.raises(RegrepError, match="returns a tuple"):
        model(torch.ones(1, 4, 2))
    with pytest.raises(RegrepError, match="no layer 'layer3'"), regrep.latent_of(model, "layer3"):
        pass
    assert not any(module._forward_hooks for module in model.modules())
