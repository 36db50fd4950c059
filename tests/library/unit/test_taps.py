"""Layers tapped by name give what they compute, whatever the model does with it; the oracle calls layers by hand."""

import functools
import threading

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import regrep
from regrep import EquivariantObjective, equivariance_loss, latent_of
from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep.objectives import OUTPUT, RolloutObjective
from tolerance import assert_near

G = cyclic(4)
ACT = RotateFlip2d(G)
RHO = 8 * regrep.irreps(G)[2]
ENTROPY = nn.functional.cross_entropy

# Of torch's compiler, which looks at the gradient of each tensor that it meets.
COMPILES = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


def batch(size=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 1, 8, 8, generator=generator)
    return x, torch.arange(size) % 3, torch.randint(4, (size,), generator=generator)


class Net(nn.Module):
    """A layer ``a`` of width 16 whose output ``after`` uses, and a head."""

    def __init__(self, after, seed=1):
        super().__init__()
        torch.manual_seed(seed)
        self.a, self.h, self.after = nn.Linear(64, 16), nn.Linear(16, 3), after
        self.drop = nn.Dropout(0.5, inplace=True)

    def forward(self, x):
        return self.h(self.after(self, self.a(x.flatten(1))))


def add(net, z):
    z += 1
    return z


def write_a_view(net, z):
    z[:, :8] = 0
    return z


def drop(net, z):
    return nn.functional.dropout(z, 0.5, net.training, inplace=True)


OVERWRITING = {
    "relu": lambda net, z: nn.functional.relu(z, inplace=True),
    "add": add,
    "view": write_a_view,
    "dropout": drop,
    "a detached alias": lambda net, z: z + z.detach().mul_(0),
}


def penalty_and_gradient(net, x, g):
    """Of the layer called by hand."""
    z, z_g = net.a(x.flatten(1)), net.a(ACT(x, g).flatten(1))
    loss = equivariance_loss(z, z_g, g, RHO)
    return loss, torch.autograd.grad(loss, net.a.weight)[0]


@pytest.mark.parametrize("after", OVERWRITING.values(), ids=OVERWRITING)
def test_a_layer_that_is_overwritten_is_penalised_as_it_was(after):
    net, (x, y, g) = Net(after), batch()
    objective = EquivariantObjective(net, None, ENTROPY, ACT, {"a": RHO})
    expected, gradient = penalty_and_gradient(net, x, g)
    for _ in range(3):
        terms = objective(x, y, g)
        assert_near(terms.equivariance, expected)
        assert_near(torch.autograd.grad(terms.equivariance, net.a.weight)[0], gradient)
    with latent_of(net, "a") as tap:
        net(x)
    assert_near(tap.value, net.a(x.flatten(1)))


def test_overwriting_that_begins_later_is_noticed():
    net, (x, y, g) = Net(lambda net, z: z), batch()
    objective = EquivariantObjective(net, None, ENTROPY, ACT, {"a": RHO})
    expected, gradient = penalty_and_gradient(net, x, g)
    for after in (lambda net, z: z, add, lambda net, z: z, add):
        net.after = after
        terms = objective(x, y, g)
        assert_near(terms.equivariance, expected)
        assert_near(torch.autograd.grad(terms.equivariance, net.a.weight)[0], gradient)


def test_no_copy_is_kept_where_nothing_is_overwritten():
    net, (x, y, g) = Net(lambda net, z: z.relu()), batch()
    objective, kept = EquivariantObjective(net, None, ENTROPY, ACT, {"a": RHO}), []
    record = objective._passes.copies.needed
    objective._passes.copies.needed = lambda *arguments: (kept.append(record(*arguments)), kept[-1])[1]
    for _ in range(3):
        objective(x, y, g)
    assert kept == [True, False, False]
    net.eval()
    objective(x, y, g)
    assert kept[3:] == [True]


def test_a_head_that_overwrites_the_latent_is_noticed():
    encoder, (x, y, g) = nn.Sequential(nn.Flatten(), nn.Linear(64, 16)), batch()
    z, z_g = encoder(x), encoder(ACT(x, g))
    expected = equivariance_loss(z, z_g, g, RHO)
    for latent in (RHO, {"1": RHO}):
        head = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(16, 3))
        objective = EquivariantObjective(encoder, head, ENTROPY, ACT, latent)
        for _ in range(2):
            assert_near(objective(x, y, g).equivariance, expected)


def test_the_tapped_value_is_part_of_the_graph_where_nothing_overwrites_it():
    net, (x, _, _) = Net(lambda net, z: z.relu()), batch()
    with latent_of(net, "a") as tap:
        outputs = net(x)
    assert torch.autograd.grad(outputs.sum(), tap.value)[0].shape == (12, 16)


def test_taps_under_inference_mode():
    net, (x, _, _) = Net(add), batch()
    with torch.inference_mode(), latent_of(net, "a") as tap:
        net(x)
        assert torch.equal(tap.value, net.a(x.flatten(1)))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # torch's, without gradients
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_layer_inside_a_checkpoint(reentrant):
    """Without gradients there is no penalty: an error; with the other kind of checkpoint both are right."""
    inside = lambda net, z: checkpoint(lambda z: net.b(z).relu(), z, use_reentrant=reentrant)  # noqa: E731
    net, (x, y, g) = Net(inside), batch()
    net.b = nn.Linear(16, 16)
    objective = EquivariantObjective(net, None, ENTROPY, ACT, {"b": RHO})
    if reentrant:
        with pytest.raises(RegrepError, match="'b' needs gradients, but the model switches them off .* use_reentrant"):
            objective(x, y, g)
        assert EquivariantObjective(net, None, ENTROPY, ACT, {"b": RHO}, weight=0)(x, y, g).equivariance > 0
        with torch.no_grad():
            assert objective(x, y, g).equivariance > 0
        return
    loss = equivariance_loss(net.b(net.a(x.flatten(1))), net.b(net.a(ACT(x, g).flatten(1))), g, RHO)
    terms = objective(x, y, g)
    assert_near(terms.equivariance, loss)
    parameters = net.a.weight, net.b.weight
    found = torch.autograd.grad(terms.equivariance, parameters)
    for one, other in zip(found, torch.autograd.grad(loss, parameters), strict=True):
        assert_near(one, other)


class Twice(nn.Module):
    """One layer that runs twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.h = nn.Linear(64, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def runs(self, x):
        first = self.b(self.a(x.flatten(1)))
        return first, self.b(first.tanh())

    def forward(self, x):
        return self.h(self.runs(x)[1])


def test_every_run_of_a_layer_counts_and_a_name_can_pick_one():
    net, (x, y, g) = Twice(), batch()
    losses = [equivariance_loss(z, z_g, g, RHO) for z, z_g in zip(net.runs(x), net.runs(ACT(x, g)), strict=True)]
    assert abs(losses[0] - losses[1]) > 1e-3
    wanted = {"b": sum(losses) / 2, "b#0": losses[0], "b#1": losses[1], "b#-1": losses[1]}
    for layer, loss in wanted.items():
        assert_near(EquivariantObjective(net, None, ENTROPY, ACT, {layer: RHO})(x, y, g).equivariance, loss)
    with latent_of(net, "b") as tap, latent_of(net, "b#0") as first:
        for _ in range(2):
            net(x)
        assert [torch.equal(*pair) for pair in zip(tap.values, net.runs(x), strict=True)] == [True, True]
    with latent_of(net, "b") as tap, latent_of(net, "b#0") as first:
        net(x)
    assert torch.equal(tap.value, net.runs(x)[1])
    assert torch.equal(first.value, net.runs(x)[0])
    with latent_of(net, "b#2") as tap:
        net(x)
        with pytest.raises(RegrepError, match="names run 2 .from 0., but .* ran 2 times"):
            _ = tap.value
    with pytest.raises(RegrepError, match="a whole number after \"#\", got 'b#last'"):
        EquivariantObjective(net, None, ENTROPY, ACT, {"b#last": RHO})


def test_outside_a_pass_of_the_model_only_the_latest_run_is_kept():
    net, (x, _, _) = Twice(), batch()
    with latent_of(net, "b") as tap:
        for _ in range(5):
            net.runs(x)
    assert len(tap.values) == 1


@pytest.mark.parametrize("layer", ["1", "3#0", "_orig_mod.1"])
def test_a_layer_of_a_compiled_model(layer):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(inplace=True), nn.Linear(16, 16), nn.Linear(16, 3))
    (x, y, g), compiled = batch(), torch.compile(net, backend="eager")
    compiled(x)
    plain = layer.replace("_orig_mod.", "")
    with latent_of(net, plain) as tap, latent_of(compiled, layer) as other:
        net(x)
        value = tap.value
        compiled(x)
    assert_near(other.value, value)
    one, other = (
        EquivariantObjective(model, None, ENTROPY, ACT, {name: RHO})(x, y, g).equivariance
        for model, name in ((net, plain), (compiled, layer))
    )
    assert_near(one, other)


@COMPILES
@pytest.mark.parametrize("how", ["part", "itself"])
def test_a_layer_of_a_part_that_was_compiled(how):
    net, (x, y, g) = Twice(), batch()
    expected = EquivariantObjective(net, None, ENTROPY, ACT, {"b": RHO})(x, y, g).equivariance
    if how == "part":
        net.b = torch.compile(net.b, backend="eager")
    else:
        net.compile(backend="eager")
    net(x)
    assert_near(EquivariantObjective(net, None, ENTROPY, ACT, {"b": RHO})(x, y, g).equivariance, expected)


@COMPILES
def test_a_compiled_objective_reads_layers():
    net, (x, y, g) = Net(OVERWRITING["relu"]), batch()
    objective = EquivariantObjective(net, None, ENTROPY, ACT, {"a": RHO})
    expected = objective(x, y, g).equivariance
    assert_near(torch.compile(objective, backend="aot_eager")(x, y, g).equivariance, expected)
    assert not net.a._forward_hooks


def test_a_compiled_function_that_hides_the_layer_says_so():
    net, (x, _, _) = Net(lambda net, z: z), batch()
    hidden = torch.compile(lambda x: net(x), backend="eager")
    hidden(x)
    with latent_of(net, "a") as tap:
        hidden(x)
        with pytest.raises(RegrepError, match="has not run yet; .* compiled function"):
            _ = tap.value


def test_a_part_given_by_name_is_looked_up_at_each_step():
    x, y, g = batch()
    net = nn.ModuleDict({"encoder": nn.Sequential(nn.Flatten(), nn.Linear(64, 16)), "head": nn.Linear(16, 3)})
    objective = EquivariantObjective((net, "encoder"), (net, "head"), ENTROPY, ACT, RHO)
    before = objective(x, y, g)
    net["encoder"] = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh())
    net["head"] = nn.Linear(16, 3)
    assert objective.encoder is net["encoder"]
    after = EquivariantObjective(net["encoder"], net["head"], ENTROPY, ACT, RHO)(x, y, g)
    assert objective(x, y, g).total == after.total != before.total
    assert objective.state_dict() == {}
    with pytest.raises(RegrepError, match="no part 'decoder'"):
        EquivariantObjective((net, "encoder"), (net, "decoder"), ENTROPY, ACT, RHO)(x, y, g)


FUNCTIONS = {
    "closure": lambda net: lambda x: (net(x),)[0],
    "default": lambda net: lambda x, net=net: net(x),
    "method": lambda net: net.forward,
    "partial": lambda net: functools.partial(lambda net, x: net(x), net),
}


@pytest.mark.parametrize("make", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_around_a_module_is_tapped_like_the_module(make):
    net, (x, y, g) = Net(OVERWRITING["relu"]), batch()
    one, other = (
        EquivariantObjective(encoder, None, ENTROPY, ACT, {"a": RHO})(x, y, g).equivariance
        for encoder in (net, make(net))
    )
    assert_near(one, other)
    assert_near(one, penalty_and_gradient(net, x, g)[0])


def test_a_function_around_several_modules_with_the_layer_says_so():
    nets = [Net(add), Net(add)]
    with pytest.raises(RegrepError, match="around 2 that have it; pass the module"):
        EquivariantObjective(lambda x: nets[0](x) + nets[1](x), None, ENTROPY, ACT, {"a": RHO})


@pytest.mark.parametrize("share", [1, 7, 14, 28, 29, 55, 56, 57, 58, 99])
def test_a_fraction_moves_as_many_samples_as_it_says(share):
    seen = []
    objective = EquivariantObjective(
        lambda x: (seen.append(len(x)), x.flatten(1)[:, :16])[1], lambda z: z[:, :3], ENTROPY, ACT, RHO,
        fraction=share / 100,
    )  # fmt: skip
    objective(torch.randn(100, 1, 8, 8), torch.zeros(100).long())
    assert seen == [100 + share]


@pytest.mark.parametrize("kind", [EquivariantObjective, RolloutObjective])
def test_parts_of_a_step_add_up_to_the_whole(kind):
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    x, g = torch.randn(12, 1, 8, 8), torch.arange(12) % 4
    y = torch.randn(12, 3, 1, 8, 8) if kind is RolloutObjective else torch.randn(12, 1, 8, 8)
    objective = kind(net, lambda z: z, nn.functional.mse_loss, ACT, ACT, output_action=ACT)
    parts = [objective(x[rows], y[rows], g[rows], samples=12).total for rows in torch.arange(12).split([5, 4, 3])]
    assert_near(torch.stack(parts).sum(), objective(x, y, g).total)


def in_threads(*functions):
    """Run functions at once in threads of their own; their results in order."""
    found, failed = [None] * len(functions), []
    start = threading.Barrier(len(functions))

    def run(k):
        start.wait()
        try:
            found[k] = functions[k]()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    return found


def test_threads_do_not_see_each_others_latents():
    """The second thread runs the model between the first one's pass and its reading."""
    net, turns = Net(OVERWRITING["relu"]), threading.Barrier(2)
    first, second = batch(seed=0)[0], batch(seed=1)[0]

    def read(x):
        with latent_of(net, "a") as tap:
            turns.wait()
            net(x)
            turns.wait()
            return tap.value

    for x, found in zip((first, second), in_threads(lambda: read(first), lambda: read(second)), strict=True):
        assert torch.equal(found, net.a(x.flatten(1)))


def test_one_objective_in_several_threads():
    net = Net(OVERWRITING["add"])
    objective = EquivariantObjective(net, None, ENTROPY, ACT, {"a": RHO})
    batches = [batch(seed=seed) for seed in range(4)]
    expected = [objective(*parts).equivariance for parts in batches]
    found = in_threads(*(lambda parts=parts: [objective(*parts).equivariance for _ in range(20)] for parts in batches))
    for values, one in zip(found, expected, strict=True):
        assert all(value == one for value in values)


def test_a_layer_that_another_thread_runs_has_not_run():
    net, (x, _, _) = Net(add), batch()
    with latent_of(net, "a") as tap:
        in_threads(lambda: net(x))
        with pytest.raises(RegrepError, match="it ran in another thread only"):
            _ = tap.value


def test_the_roll_out_takes_the_arguments_of_the_objective_and_forecasts():
    net, x = nn.Conv2d(2, 1, 1), torch.randn(4, 2, 6, 6)
    y = torch.randn(4, 3, 1, 6, 6)
    objective = RolloutObjective(net, nn.Identity(), nn.functional.mse_loss, ACT, ACT, output_action=ACT)
    terms, frames = objective.with_outputs(x, y, torch.arange(4))
    assert_near(frames, regrep.objectives.roll_out(net, x, 3))
    with pytest.warns(DeprecationWarning, match="first is an old name"):
        first = objective.first
    assert_near(first(x, y[:, 0], torch.arange(4)).equivariance, terms.equivariance)
    assert objective.latents[OUTPUT] is ACT


def test_two_threads_measure_one_model_in_evaluation_mode():
    """The first to end must not take the second out of evaluation mode, nor the second leave the model in it."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16)).train()
    x, statistics = batch(64)[0], net[2].running_mean.clone()
    expected = regrep.equivariance_error(net, x, ACT, RHO).error
    begun, ended = threading.Event(), threading.Event()

    def long(x):
        begun.set()
        ended.wait()
        return net(x)

    def first():
        begun.wait()
        found = regrep.equivariance_error(net, x, ACT, RHO).error
        ended.set()
        return found

    for found in in_threads(first, lambda: regrep.equivariance_error(long, x, ACT, RHO).error):
        assert torch.equal(found, expected)
    assert torch.equal(net[2].running_mean, statistics)
    assert all(part.training for part in net.modules())


class Hidden:
    """Holds a module where no search finds it: in slots."""

    __slots__ = ("net",)


def test_measuring_a_function_leaves_other_threads_models_alone():
    other, modes = Hidden(), []
    other.net = nn.Dropout(0.5)

    def encode(x):
        in_threads(lambda: (other.net(x), modes.append(other.net.training)))
        return x.flatten(1)[:, :16]

    regrep.equivariance_error(encode, batch()[0], ACT, RHO)
    assert set(modes) == {True}


def test_measures_of_models_that_overwrite_what_they_are_given():
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 16))
    head = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(16, 3))
    same, outside = (
        nn.Sequential(*(nn.ReLU() if isinstance(part, nn.ReLU) else part for part in model)) for model in (net, head)
    )
    x, y = torch.randn(64, 1, 8, 8), torch.randn(64, 3)
    kept = x.clone()
    for layer in (None, "2"):
        one, other = (regrep.equivariance_error(model, x, ACT, RHO, layer) for model in (net, same))
        assert_near(one.error, other.error)
        assert torch.equal(x, kept)
    one, other = (
        regrep.through_rho(*pair, x, y, ACT, RHO, nn.functional.mse_loss).values
        for pair in ((net, head), (same, outside))
    )
    assert_near(one, other)
    one, other = (regrep.profile_layers(model, x, ACT).layers["2"].r2 for model in (net, same))
    assert_near(one, other)
    assert torch.equal(x, kept)


def test_the_head_of_a_learned_representation_may_overwrite_the_latent():
    net, rho = nn.Sequential(nn.Flatten(), nn.Linear(64, 16)), regrep.LearnedRepresentation(G, dim=16)
    (x, y, g), head = batch(), nn.Linear(16, 3)
    one, other = (
        regrep.RepresentationObjective(net, nn.Sequential(relu, head), ENTROPY, ACT, rho)(x, y, g).equivariance
        for relu in (nn.ReLU(), nn.ReLU(inplace=True))
    )
    assert_near(other, one)


def test_a_measure_wants_one_run_of_a_layer():
    net, x = Twice(), batch(64)[0]
    with pytest.raises(RegrepError, match='runs 2 times in a forward pass, .* from "b#0" to "b#1"'):
        regrep.equivariance_error(net, x, ACT, RHO, layer="b")
    for k in range(2):
        found = regrep.equivariance_error(net, x, ACT, RHO, layer=f"b#{k}").error
        assert_near(found, regrep.equivariance_error(lambda x, k=k: net.runs(x)[k], x, ACT, RHO).error)


def test_matrices_are_not_rounded_by_autocast():
    x, g = torch.randn(64, 16), torch.arange(64) % 4
    moved = RHO(x, g)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(RHO(x, g), moved)
        phi = lambda x: torch.cat([ACT(x, torch.full((len(x),), -k % 4))[:, 0, :2, 0] for k in range(4)], 1)  # noqa: E731
        rho = 2 * regrep.irreps(G)[2] + 2 * regrep.trivial(G) + 2 * regrep.irreps(G)[1]
        basis = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)).double())[0]
        turned = regrep.representations.MatrixRepresentation(
            G, basis @ (2 * regrep.regular(G)).stack() @ basis.T, "turned"
        )
        assert rho.dim == turned.dim == 8
        order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])
        encode = lambda x: (phi(x)[:, order].double() @ basis.T).float()  # noqa: E731
        found = regrep.equivariance_error(encode, torch.randn(64, 1, 8, 8), ACT, turned)
    assert found.mean_error < 1e-5


@pytest.mark.parametrize("measure", ["objective", "error"])
def test_tokens_that_stay_in_place_are_asked_about(measure):
    embed, (x, y, _) = nn.Conv2d(1, 8, 2, stride=2), batch()
    tokens = lambda x: embed(x).flatten(2).mT  # noqa: E731
    width, still = regrep.latent(G, 8), regrep.representations.Tokens(regrep.trivial(G, 16), regrep.latent(G, 8))
    moving = regrep.representations.layouts.tokens(ACT, (16, 8))

    def run(rho):
        if measure == "error":
            return regrep.equivariance_error(tokens, x, ACT, rho)
        return EquivariantObjective(tokens, lambda z: z.mean(dim=1)[:, :3], ENTROPY, ACT, rho)(x, y)

    with pytest.warns(regrep.objectives.PositionsWarning, match=r"leaves its 16 positions in place, .* \(16, 8\)"):
        run(width)
    run(still)
    run(moving)
