import copy

import pytest
import torch

from regrep.actions import VectorField2d
from regrep.groups import cyclic
from regrep_paper.networks.pscnn import SmokePSCNN


def size(module):
    return sum(p.numel() for p in module.parameters())


def difference(net, x, rows):
    """Largest deviation of the whole map from equivariance."""
    act = VectorField2d(cyclic(4), rows=rows)
    with torch.no_grad():
        return max((net(act(x, g)) - act(net(x), g)).abs().max() for g in (torch.full((len(x),), k) for k in range(4)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return SmokePSCNN(width=4, frames=2)


@pytest.fixture
def x():
    return torch.randn(3, 4, 10, 10, generator=torch.Generator().manual_seed(1))


def test_parameters_with_and_without_those_of_the_published_code():
    net = SmokePSCNN()
    assert size(net) == 2_487_332
    assert net.parameters_as_published() == 3_121_028


def test_equivariant_when_new_and_not_after_its_likelihood_moved(net, x):
    for _ in range(3):
        net(x)  # statistics that are no longer 0 and 1
    net.eval()
    assert difference(net, x, "up") < 1e-5
    assert difference(net, x, "down") > 1e-2
    with torch.no_grad():
        net.likelihoods[2].coefficients[1] += 1
    assert difference(net, x, "up") > 1e-3


def test_as_published_the_rows_run_down_and_divergences_do_not_count(x):
    torch.manual_seed(0)
    net = SmokePSCNN(width=4, frames=2, as_published=True).eval()
    assert difference(net, x, "down") < 1e-5
    assert difference(net, x, "up") > 1e-2
    with torch.no_grad():
        net.likelihoods[0].coefficients += net.likelihoods[0].functions[0]  # peaked at the identity
    assert net.regularizer().item() == 0
    mended = SmokePSCNN(width=4, frames=2)
    mended.load_state_dict(net.state_dict())
    assert mended.regularizer().item() > 0.1


def test_a_step_after_evaluation_moves_every_parameter_and_a_copy_is_independent(net, x):
    before = copy.deepcopy(net)
    with torch.no_grad():
        net.eval()(x)
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    (net(x).square().mean() + net.regularizer()).backward()
    optimizer.step()
    still = [n for (n, p), q in zip(net.named_parameters(), before.parameters(), strict=True) if torch.equal(p, q)]
    assert still == []
    before.load_state_dict(net.state_dict())
    assert torch.equal(before.eval()(x), net.eval()(x))
    assert net.encoder(x).shape == (3, 16, 10, 10)
