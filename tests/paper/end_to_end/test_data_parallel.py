"""Two processes train as one: the averaged gradient is that of the whole batch, or an error says that it is not."""

import gc
from typing import get_args

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import regrep
from regrep import EquivariantObjective
from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import dihedral
from regrep.objectives.functional import Penalty
from tolerance import assert_near

PENALTIES = get_args(Penalty)


class Step(nn.Module):
    """Network and objective in one module, so that the data-parallel wrapper sees the forward pass."""

    def __init__(self, penalty: str = "mse", wrap=lambda module: module, **forms) -> None:
        super().__init__()
        torch.manual_seed(0)
        encoder, head = nn.Sequential(nn.Flatten(), nn.Linear(36, 20), nn.ELU()), nn.Linear(20, 3)
        self.encoder, self.head = wrap(encoder.double()), wrap(head.double())
        group = dihedral(4)
        self.objective = EquivariantObjective(
            self.encoder,
            self.head,
            nn.functional.cross_entropy,
            RotateFlip2d(group),
            regrep.latent(group, 20),
            penalty=penalty,
            latent_augmentation=True,
            **forms,
        )

    def forward(self, x, y, g, unlabelled=None):
        return self.objective(x, y, g, unlabelled=unlabelled).total


def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(16, 6, 6, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (16,), generator=generator), torch.randint(8, (16,), generator=generator)


def taught(x):
    """What a teacher says, which sees what the network sees."""
    return x.flatten(1)[:, :3].sin()


FORMS = {"consistency": 0.3, "teacher": taught, "teacher_view": "same", "target_error": 0.9, "target_consistency": 1.0}


def with_unlabelled(rank=None):
    """A batch with inputs without labels, or the share of one process."""
    (x, y, g), generator = batch(), torch.Generator().manual_seed(2)
    u, h = torch.randn(12, 6, 6, generator=generator, dtype=torch.float64), torch.arange(12) % 8
    some = slice(None) if rank is None else slice(rank, None, 2)
    return x[some], y[some], torch.cat([g[some], h[some]]), u[some]


def state(step):
    return torch.stack([value.double() for value in step.objective.buffers()])


def gradient(step):
    return torch.cat([p.grad.flatten() for p in step.parameters()])


def told(step, *batch):
    """What the error of a training step says; empty if there is none."""
    try:
        step(*batch).backward()
    except RegrepError as error:
        return str(error)
    return ""


def work(rank, folder):
    torch.set_num_threads(1)
    # A store in a file needs no free port and no server thread that could outlive the interpreter.
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    found, share = {}, [part[rank::2] for part in batch()]
    for penalty in PENALTIES:
        step = DistributedDataParallel(Step(penalty))
        step(*share).backward()
        found[penalty] = gradient(step.module)
        step = DistributedDataParallel(Step(penalty, **FORMS))
        step(*with_unlabelled(rank)).backward()
        found[f"forms {penalty}"] = gradient(step.module), state(step.module)
    parts = Step(wrap=DistributedDataParallel)
    parts(*share).backward()
    found["wrapped parts"] = gradient(parts)
    # Shares of different sizes, weighted by them.
    uneven = [part[:12] if rank == 0 else part[12:] for part in batch()]
    step = DistributedDataParallel(Step("whitened"))
    (step(*uneven) * (len(uneven[0]) / 8)).backward()
    found["uneven"] = gradient(step.module)

    wrapped = DistributedDataParallel(Step())
    with torch.no_grad():
        wrapped.module(*share)  # evaluation needs no wrapper
    with wrapped.no_sync():
        found["not asked"] = told(wrapped.module, *share)
    wrapped.module.objective._averaging_checked = False
    found["outside"] = told(wrapped.module, *share)
    half = Step()
    whole = DistributedDataParallel(half.encoder)
    half.objective._network = (whole, half.head)  # as if built so
    found["half"] = told(half, *share)
    found["none"] = told(Step(), *share)
    if rank == 0:
        torch.save(found, folder / "found.pt")
    # The wrapper sits in a reference cycle and holds the process group: left to the interpreter's exit, the group's
    # threads are destroyed while they run, and the process aborts now and then.
    torch.distributed.barrier()
    del step, parts, wrapped, whole, half
    gc.collect()
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(work, args=(folder,), nprocs=2)
    return torch.load(folder / "found.pt", weights_only=True)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_gradient_of_two_processes_equals_that_of_one(found, penalty):
    alone = Step(penalty)
    alone(*batch()).backward()
    assert_near(found[penalty], gradient(alone))
    half = Step(penalty)
    half(*(part[::2] for part in batch())).backward()
    assert (gradient(half) - gradient(alone)).abs().max() > 1e-3  # the test can tell


@pytest.mark.parametrize("penalty", PENALTIES)
def test_forms_of_two_processes_are_those_of_one(found, penalty):
    alone = Step(penalty, **FORMS)
    alone(*with_unlabelled()).backward()
    for one, two in zip(found[f"forms {penalty}"], (gradient(alone), state(alone)), strict=True):
        assert_near(one, two)
    half = Step(penalty, **FORMS)
    half(*with_unlabelled(0)).backward()
    assert (state(half) - state(alone)).abs().max() > 1e-5  # the test can tell


def test_encoder_and_head_may_be_wrapped_instead(found):
    alone = Step()
    alone(*batch()).backward()
    assert_near(found["wrapped parts"], gradient(alone))


def test_shares_of_a_batch_may_differ(found):
    alone = Step("whitened")
    alone(*batch()).backward()
    assert_near(found["uneven"], gradient(alone))


def test_gradients_that_no_process_would_average_are_refused(found):
    assert "inside such a wrapper without calling it" in found["outside"]
    assert "holds only some of the parameters that are trained, and 2 tensors" in found["half"]


def test_whoever_averages_alone_is_let(found):
    assert found["none"] == found["not asked"] == ""
