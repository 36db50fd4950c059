import copy

import pytest
import torch

pytest.importorskip("escnn")

from spherical_fixture import GROUPS, quick_grid

from regrep.actions import Rotate3d
from regrep.errors import RegrepError
from regrep.groups import full_octahedral, octahedral
from regrep_paper.networks.volume_pscnn import VolumePSCNN
from regrep_paper.steerable import spherical

COUNTS = {"SO3": (1593635, 4166339), "O3": (3511682, 3511682)}
every_group = pytest.mark.parametrize("group", GROUPS)


@pytest.fixture(autouse=True)
def _quick_grid(monkeypatch):
    monkeypatch.setattr(spherical, "rotation_grid", quick_grid)


def network(group, **options):
    torch.manual_seed(0)
    return VolumePSCNN(group, classes=2, width=1, size=14, **options)


def move(net, scale=0.3):
    with torch.no_grad():
        for likelihood in net.likelihoods:
            likelihood.coefficients += scale * torch.randn(len(likelihood.coefficients))
    return net


@every_group
def test_parameters_are_those_of_the_paper_with_and_without_dependent_weights(group):
    net = VolumePSCNN(group, classes=2)
    assert (sum(p.numel() for p in net.parameters()), net.parameters_as_published()) == COUNTS[group]


@every_group
def test_new_it_is_invariant_and_after_moving_the_likelihoods_it_is_not(group):
    net, symmetries = network(group), full_octahedral() if group == "O3" else octahedral()
    x = torch.randn(2, 1, 14, 14, 14)
    net(x)
    action, every = Rotate3d(full_octahedral()), torch.arange(symmetries.order)
    for invariant in (True, False):
        with torch.no_grad():
            z = net.eval().encoder(action(x[:1].expand(len(every), *x.shape[1:]), every))
        assert z.shape == (len(every), 8)
        error = (z - z[:1]).abs().max() / z.abs().max()
        assert error < 1e-4 if invariant else error > 1e-2
        move(net)


@every_group
def test_each_block_has_one_likelihood_for_two_convolutions(group):
    net = network(group)
    owners = [net.likelihoods.index(convolution.likelihood) for convolution in net.convolutions]
    assert owners == [0, 0, 1, 1, 2, 2]
    assert len({id(p) for p in net.parameters()}) == len(list(net.parameters()))


def test_the_regularizer_has_the_published_weights_and_gradients_for_every_likelihood():
    torch.manual_seed(0)
    net = network("SO3")
    assert abs(net.regularizer().item()) < 1e-6
    for k, likelihood in enumerate(net.likelihoods):  # aligned, each more concentrated than the one before
        likelihood.coefficients.data += 0.1 * (k + 1) * likelihood.functions[0]
    one, two, three = net.likelihoods
    expected = (one.divergence() + two.divergence(one) + three.divergence(two)) / 3
    assert net.regularizer().item() == pytest.approx(expected.item(), rel=1e-4)
    move(net)
    expected = (one.divergence() + two.divergence(one) + three.divergence(two)) / 3
    torch.manual_seed(1)
    loss = net.regularizer()
    torch.manual_seed(1)
    aligned = sum(likelihood.alignment() for likelihood in (one, two, three))
    assert loss.item() == pytest.approx((5 * aligned + expected).item(), rel=1e-4)
    assert aligned > 0.1
    loss.backward()
    assert min(likelihood.coefficients.grad.abs().max() for likelihood in net.likelihoods) > 1e-3


def test_as_published_divergences_are_in_closed_form():
    net, published = network("SO3"), network("SO3", as_published=True)
    move(net, 0.1)
    published.load_state_dict(net.state_dict())
    values = [one.divergence().item() for one in (net.likelihoods[0], published.likelihoods[0])]
    assert values[0] != pytest.approx(values[1], rel=1e-3)


@every_group
def test_it_trains_before_and_after_evaluation_and_copies_and_states_agree(group):
    net, x = network(group), torch.randn(3, 1, 14, 14, 14)
    keys = list(net.state_dict())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(2):
        before = [p.detach().clone() for p in net.parameters()]
        net.train()
        optimizer.zero_grad()
        (net(x).square().mean() + net.regularizer()).backward()
        optimizer.step()
        assert all(one.coefficients.grad.abs().max() > 0 for one in net.likelihoods)
        assert any(not torch.equal(p, q) for p, q in zip(before, net.parameters(), strict=True))
        with torch.no_grad():
            expected = net.eval()(x)
    assert list(net.state_dict()) == keys
    other = VolumePSCNN(group, classes=2, width=1, size=14)
    other.load_state_dict(net.state_dict())
    for one in (copy.deepcopy(net), other.eval()):
        assert torch.equal(one(x), expected)


def test_other_groups_are_refused():
    with pytest.raises(RegrepError, match="the groups SO3 and O3, not 'C4'"):
        VolumePSCNN("C4", classes=2)
