"""What is deployed is the caller's encoder: it is exported and compiled after training as it would be without us."""

import copy

import numpy as np
import onnx.reference
import pytest
import torch
from torch import nn

import regrep

G = regrep.groups.cyclic(4)
ACT, RHO = regrep.actions.RotateFlip2d(G), regrep.latent(G, 8)


@pytest.fixture
def trained():
    """A whole model after the objective was built on it and took a step, and inputs."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
    x, y = torch.randn(6, 1, 4, 4), torch.arange(6) % 3
    objective = regrep.EquivariantObjective(
        model, None, nn.functional.cross_entropy, ACT, {"3": RHO}, penalty="whitened", weight=0.5
    )
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    objective(x, y).total.backward()
    optimiser.step()
    return model.eval(), x


def test_the_model_is_exported(trained):
    model, x = trained
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.testing.assert_close(exported.module()(x[:3]), model(x[:3]))
    fresh = nn.Sequential(*(type(m)(*a) for m, a in zip(model, ((1, 4, 3), (), (), (16, 8), (), (8, 3)), strict=True)))
    plain = torch.export.export(fresh, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    assert [node.target for node in exported.graph.nodes] == [node.target for node in plain.graph.nodes]
    assert list(exported.state_dict) == list(fresh.state_dict())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_the_model_is_exported_to_onnx(trained, tmp_path):
    model, x = trained
    torch.onnx.export(model, (x,), tmp_path / "model.onnx", dynamo=True, verbose=False)
    session = onnx.reference.ReferenceEvaluator(str(tmp_path / "model.onnx"))
    (found,) = session.run(None, {session.input_names[0]: x.numpy()})
    np.testing.assert_allclose(found, model(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_module_that_is_compiled_in_place_trains_alike(trained):
    model, x = trained
    plain, compiled = copy.deepcopy(model).train(), copy.deepcopy(model).train()
    compiled.compile(backend="aot_eager")
    compiled(x)
    for copied in (plain, compiled):
        objective = regrep.EquivariantObjective(
            copied, None, nn.functional.cross_entropy, ACT, {"3": RHO}, penalty="whitened", weight=0.5
        )
        objective(x, torch.arange(6) % 3, torch.arange(6) % 4).total.backward()
    for parameter, expected in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)
    torch.testing.assert_close(compiled(x), plain(x))
