"""A step of the objective can be captured: it neither copies from the host nor waits, and compiles as one graph."""

import pytest
import torch
from torch import nn

import regrep
from dispatched import WAITS, Calls
from regrep.actions import RotateFlip2d
from regrep.groups import dihedral
from regrep.objectives import OUTPUT, EquivariantObjective
from regrep.representations import irreps

D4 = dihedral(4)
ACT = RotateFlip2d(D4)
IRREP = next(rho for rho in irreps(D4) if rho.name == "E")

SETTINGS = {
    "mse": {},
    "relative": {"penalty": "relative", "fraction": 0.5},
    "whitened": {"penalty": "whitened", "latent_augmentation": True},
    "moving": {"penalty": "moving"},
    "permuted": {"control": "permuted"},
    "shuffled": {"control": "shuffled", "latent_augmentation": True},
    "shrunk": {"control": "shrunk"},
    "irreducible": {"latent": regrep.regular(D4) + 5 * IRREP},
    "layers": {"latent": {"1": regrep.latent(D4, 16), OUTPUT: regrep.latent(D4, 18)}},
}


def objective(penalty="mse", latent=None, device=None, **settings):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 18)).to(device)
    head = nn.Linear(18, 3).to(device)
    rho = regrep.latent(D4, 18) if latent is None else latent
    return EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, rho, penalty=penalty, **settings)


def batch(device=None):
    generator = torch.Generator().manual_seed(0)
    x, g = torch.randn(8, 6, 6, generator=generator), torch.randint(8, (8,), generator=generator)
    return x.to(device), (torch.arange(8) % 3).to(device), g.to(device)


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_a_step_neither_copies_nor_waits(settings, meta):
    """Tables are copied in the first step, which warms up; elements may be drawn inside the step."""
    loop = objective(device=meta, **settings)
    x, y, g = batch(meta)
    loop(x, y, g)
    for elements in (g, None):
        with Calls() as calls:
            terms = loop(x, y, elements)
            terms.total.backward()
            terms.log(errors=False)
        assert "addmm" in calls.names
        assert not WAITS & set(calls.names)


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_neither_do_the_errors(meta):
    loop = objective(device=meta)
    terms = loop(*batch(meta))
    terms.log()
    with Calls() as calls:
        terms.log()
    assert "linalg_cholesky_ex" in calls.names
    assert not WAITS & set(calls.names)


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
@pytest.mark.parametrize("kind", ["irreducible", "layers"])
def test_a_step_is_one_graph(kind, compiler):
    loop = objective(**SETTINGS[kind])
    x, y, g = batch()
    terms, compiled = loop(x, y, g), compiler(loop, fullgraph=True, backend="eager")(x, y, g)
    for name, value in terms.log().items():
        torch.testing.assert_close(compiled.log()[name], value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="graphs are captured on a GPU")
@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_a_replayed_graph_gives_the_step_on_other_samples(settings):
    loop = objective(device="cuda", **settings)
    parameters = [*loop.encoder.parameters(), *loop.head.parameters()]
    x, y, g = batch("cuda")
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            torch.autograd.grad(loop(x, y, g).total, parameters)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=beside):
        terms = loop(x, y, g)
        found = torch.autograd.grad(terms.total, parameters)
    x.copy_(x.roll(1, 0) + 0.1)
    g.copy_(g.roll(3, 0))
    graph.replay()
    expected = loop(x, y, g)
    torch.testing.assert_close(terms.total, expected.total)
    torch.testing.assert_close(found, torch.autograd.grad(expected.total, parameters), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="graphs are captured on a GPU")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["mse", "layers"])
def test_a_compiled_step_is_replayed_on_a_gpu(kind):
    loop = objective(device="cuda", **SETTINGS[kind])
    compiled = torch.compile(loop, fullgraph=True, mode="reduce-overhead")
    for _ in range(3):
        x, y, g = batch("cuda")
        expected, terms = loop(x, y, g).total, compiled(x, y, g).total.clone()
        torch.testing.assert_close(terms, expected, rtol=1e-4, atol=1e-5)
        terms.backward()


class Twice(nn.Module):
    """Runs two layers twice, and overwrites what the first one returned."""

    def __init__(self):
        super().__init__()
        self.linear, self.relu = nn.Linear(36, 36), nn.ReLU(inplace=True)

    def forward(self, x):
        first = self.relu(self.linear(x.flatten(1)))
        second = self.relu(self.linear(first))
        return second[:, :3] + first[:, :3]


@pytest.mark.parametrize(
    "layer", ["relu#0", *(pytest.param(layer, marks=pytest.mark.slow) for layer in ("relu", "linear#-1"))]
)
def test_layers_are_read_inside_a_graph(layer, compiler):
    """With every run, before it is overwritten and after the model's own hooks; the compiled step leaves no hook."""
    model = Twice()
    own = model.relu.register_forward_hook(lambda module, args, output: output + 1)
    loop = EquivariantObjective(
        model, None, nn.functional.cross_entropy, ACT, {layer: regrep.latent(D4, 36)}, weight=3.0
    )
    hooks, (x, y, g) = model.relu._forward_hooks, batch()
    expected = loop(x, y, g)
    wanted = torch.autograd.grad(expected.total, list(model.parameters()))
    compiled = compiler(loop, fullgraph=True, backend="aot_eager")
    for _ in range(2):
        terms = compiled(x, y, g)
        torch.testing.assert_close(terms[:5], expected[:5])
        torch.testing.assert_close(torch.autograd.grad(terms.total, list(model.parameters())), wanted)
    assert model.relu._forward_hooks is hooks
    assert len(hooks) == 1
    own.remove()
    assert not hooks
    torch.testing.assert_close(compiled(x, y, g)[:5], loop(x, y, g)[:5])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_inductor_compiles_a_step(settings, compiler):
    loop = objective(**settings)
    x, y, g = batch()
    terms = loop(x, y, g)
    compiled = compiler(loop, fullgraph=True, mode="reduce-overhead")(x, y, g)
    for one, other in zip(terms[:5], compiled[:5], strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
