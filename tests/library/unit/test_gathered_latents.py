"""Objectives on several processes, of which this is one: what the others send is made up."""

import math

import pytest
import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import regrep
from regrep.errors import RegrepError
from regrep.objectives.processes import (
    _Gathered,
    check_averaged,
    mean_of_all_processes,
    of_all_processes,
    running_wrapper,
)

G = regrep.groups.cyclic(4)
ACT, RHO = regrep.actions.RotateFlip2d(G), regrep.latent(G, 8)


class Peer:
    """The other one of two processes: what it sends, in order."""

    def __init__(self, monkeypatch, rank=0):
        self.rank, self.sends, self.group = rank, [], "of two"
        for name in ("all_gather", "all_reduce", "get_rank", "get_world_size"):
            monkeypatch.setattr(torch.distributed, name, getattr(self, name))

    def all_gather(self, places, part, group=None):
        assert group == self.group
        assert all(one.is_contiguous() for one in (part, *places))  # as gloo and NCCL ask for
        both = [part, self.sends.pop(0)]
        for place, value in zip(places, both if self.rank == 0 else both[::-1], strict=True):
            place.copy_(value)

    def all_reduce(self, value, group=None):
        assert group == self.group
        assert value.is_contiguous()
        value.add_(self.sends.pop(0))

    def get_rank(self, group=None):
        return self.rank

    def get_world_size(self, group=None):
        return 2


class Wrapper:
    """What is needed of a wrapper."""

    process_group = "of two"


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("theirs", [1, 2, 4])
def test_rows_of_all_processes_stand_one_after_the_other(monkeypatch, rank, theirs):
    """Two rows of this process, and one, two or four of the other one; with gradients to this one's."""
    peer = Peer(monkeypatch, rank)
    mine = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    other = torch.randn(theirs, 3, 2, generator=torch.Generator().manual_seed(1))
    longest = max(2, theirs)
    padded = torch.cat([other, torch.full((longest - theirs, 3, 2), 9.0)])
    peer.sends = [torch.tensor([theirs]), padded]
    found = of_all_processes(mine, Wrapper())
    expected = torch.cat([mine, other] if rank == 0 else [other, mine])
    assert torch.equal(found, expected)
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    elsewhere = torch.randn(2, longest, 3, 2, generator=torch.Generator().manual_seed(3))
    peer.sends = [elsewhere]
    (gradient,) = torch.autograd.grad((found * weight).sum(), mine)
    start = 0 if rank == 0 else theirs
    torch.testing.assert_close(gradient, weight[start : start + 2] + elsewhere[rank, :2])
    assert peer.sends == []


def test_feature_maps_may_lie_channels_last(monkeypatch):
    peer = Peer(monkeypatch)
    last = {"memory_format": torch.channels_last}
    maps = [torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(k)).to(**last) for k in range(3)]
    mine = maps[0].requires_grad_()
    peer.sends = [torch.tensor([2]), maps[1]]
    assert torch.equal(of_all_processes(mine, Wrapper()), torch.cat([maps[0], maps[1]]))
    peer.sends = [maps[1], torch.zeros(2, 2, 3, 4, 4)]
    rows = _Gathered.apply(mine, peer.group)
    weight = torch.stack([maps[2].permute(0, 2, 3, 1), maps[1].permute(0, 2, 3, 1)]).permute(0, 1, 4, 2, 3)
    (gradient,) = torch.autograd.grad(rows, mine, weight)
    assert torch.equal(gradient, maps[2])


def test_the_mean_over_processes_leaves_the_number_alone(monkeypatch):
    peer = Peer(monkeypatch)
    peer.sends = [torch.tensor(4.0)]
    mine = torch.tensor(1.0, requires_grad=True)
    found = mean_of_all_processes(mine, Wrapper())
    assert (float(found), float(mine.detach()), found.requires_grad) == (2.5, 1.0, False)


@pytest.fixture
def group(tmp_path, monkeypatch):
    """A group of this process alone, which says that it has two where that is asked for."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    sizes = [2]
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda group=None: sizes[0])
    yield sizes
    torch.distributed.destroy_process_group()


def wrapped(module, sizes):
    """In a wrapper, which is made of one process."""
    sizes[0] = 1
    found = DistributedDataParallel(module)
    sizes[0] = 2
    return found


class Calls(nn.Module):
    """Computes something in its forward pass."""

    def __init__(self, compute):
        super().__init__()
        self.inner, self.compute = nn.Linear(2, 2), compute

    def forward(self, x):
        return self.inner(x), self.compute(self)


def test_the_wrapper_is_the_one_that_runs_or_one_of_the_parts(group):
    encoder, head = nn.Linear(2, 2), nn.Linear(2, 2)
    around = wrapped(encoder, group)
    assert running_wrapper((encoder, head)) is None
    assert running_wrapper((encoder, around)) is around
    assert running_wrapper((head, lambda x: around(x))) is around
    runs = wrapped(Calls(lambda module: running_wrapper((module.inner, around))), group)
    assert runs(torch.ones(1, 2))[1] is runs
    group[0] = 1
    assert running_wrapper((encoder, around)) is None
    assert runs(torch.ones(1, 2))[1] is None


def test_without_processes_there_is_no_wrapper():
    assert running_wrapper((nn.Linear(2, 2),)) is None
    check_averaged((nn.Linear(2, 2),))


def test_gradients_that_would_not_be_averaged_are_refused(group, monkeypatch):
    encoder, head = nn.Linear(2, 2), nn.Linear(2, 3)
    known = [3, encoder]  # all objects would take long
    monkeypatch.setattr("regrep.objectives.processes.gc.get_objects", lambda: known)
    check_averaged((encoder, head))  # no wrapper holds them: left to the caller
    around = wrapped(encoder, group)
    known.append(around)
    with pytest.raises(RegrepError, match="only by the forward pass of DistributedDataParallel, but the objective"):
        check_averaged((encoder, head))
    with pytest.raises(RegrepError, match="only some of the parameters that are trained, and 2 tensors would not be"):
        check_averaged((around, head))
    head.requires_grad_(False)
    check_averaged((around, head))
    head.requires_grad_()
    check_averaged((around, wrapped(head, group)))
    group[0] = 1
    check_averaged((encoder, head))
    group[0] = 2
    around.require_backward_grad_sync = False  # under no_sync, its gradients are added up for later
    check_averaged((encoder,))
    runs = wrapped(Calls(lambda module: check_averaged((module.inner,))), group)
    runs(torch.ones(1, 2))
    runs.module.compute = lambda module: check_averaged((module.inner, nn.Linear(2, 2)))
    with pytest.raises(RegrepError, match="and 2 tensors would not be averaged over processes; wrap a module of all"):
        runs(torch.ones(1, 2))


@pytest.mark.parametrize("penalty", ["mse", "relative", "whitened"])
def test_a_penalty_that_depends_on_the_batch_is_that_of_all_processes(monkeypatch, penalty):
    x, g = torch.randn(10, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(10) % 4
    torch.manual_seed(0)
    encoder, head = nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), nn.Linear(8, 2)
    objective = regrep.EquivariantObjective(
        encoder, head, nn.functional.cross_entropy, ACT, RHO, penalty=penalty, weight=0.7
    )
    with torch.no_grad():
        other, other_g = encoder(x[6:]), encoder(ACT(x[6:], g[6:]))
    peer = Peer(monkeypatch)
    pad = lambda part: torch.cat([part, part.new_zeros(2, *part.shape[1:])])  # noqa: E731
    peer.sends = [part for one in (other, other_g, g[6:]) for part in (torch.tensor([4]), pad(one))]
    monkeypatch.setattr("regrep.objectives.equivariant.running_wrapper", lambda parts: Wrapper())
    terms = objective(x[:6], torch.arange(6) % 2, g[:6])
    assert len(peer.sends) == (6 if penalty == "mse" else 0)
    count = 6 if penalty == "mse" else 10
    z, z_g = encoder(x[:count]), encoder(ACT(x[:count], g[:count]))
    whole = regrep.equivariance_loss(z, z_g, g[:count], RHO, penalty)
    torch.testing.assert_close(terms.equivariance, whole)
    if penalty != "mse":
        torch.testing.assert_close(terms.whitened_error, regrep.objectives.whitened_error(z, z_g, g, RHO))


def test_only_terms_that_depend_on_the_batch_ask_for_the_wrapper(monkeypatch):
    encoder, head = nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), nn.Linear(8, 2)
    asked = []
    monkeypatch.setattr("regrep.objectives.equivariant.running_wrapper", lambda parts: asked.append(parts) or "found")
    for settings, depends in (
        ({"penalty": "mse"}, False),
        ({"penalty": "mse", "consistency": 1.0}, False),
        ({"penalty": "relative"}, True),
        ({"penalty": "mse", "target_error": 0.5}, True),
        ({"penalty": "mse", "target_consistency": 0.5}, True),
    ):
        loop = regrep.EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, RHO, **settings)
        assert loop._wrapper() == ("found" if depends else None), settings
        with torch.no_grad():
            assert loop._wrapper() is None
    assert asked == [(encoder, head)] * 3


def test_a_weight_that_follows_the_consistency_sees_its_mean_over_processes(monkeypatch):
    encoder, head = nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), nn.Linear(8, 2)
    loop = regrep.EquivariantObjective(
        encoder, head, nn.functional.cross_entropy, ACT, RHO, weight=0.0, target_consistency=2.0, consistency=0.3
    )
    peer = Peer(monkeypatch)
    monkeypatch.setattr("regrep.objectives.equivariant.running_wrapper", lambda parts: Wrapper())
    x, g = torch.randn(4, 4, 4), torch.arange(4)
    mine = regrep.output_consistency(*(head(encoder(part)).detach() for part in (x, ACT(x, g))), g)
    peer.sends = [torch.tensor([4]), torch.zeros(4, 8), torch.tensor([4]), torch.zeros(4, 8), torch.tensor([4]), g]
    peer.sends += [6 - mine]  # so that the mean is 3, which is half above the target
    terms = loop(x, torch.arange(4) % 2, g)
    assert float(terms.consistency_weight) == pytest.approx(0.3)
    torch.testing.assert_close(terms.consistency.detach(), mine)
    assert float(loop.output_weight.value) == pytest.approx(0.3 * math.exp(0.01 * 0.5))
