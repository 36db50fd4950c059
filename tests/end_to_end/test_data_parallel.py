"""Two processes train as one: the averaged gradient is that of the whole batch."""

import os
import socket

import torch
import torch.distributed
import torch.multiprocessing
from torch import nn

import regrep
from regrep import EquivariantObjective
from regrep.actions import RotateFlip2d
from regrep.groups import dihedral
from tolerance import assert_near


class Step(nn.Module):
    """Network and objective in one module, so that the data-parallel wrapper sees the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head = nn.Sequential(nn.Flatten(), nn.Linear(36, 20), nn.ELU()), nn.Linear(20, 3)
        group = dihedral(4)
        self.objective = EquivariantObjective(
            self.encoder,
            self.head,
            nn.functional.cross_entropy,
            RotateFlip2d(group),
            regrep.latent(group, 20),
        )

    def forward(self, x, y, g):
        return self.objective(x, y, g).total


def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(16, 6, 6, generator=generator)
    return x, torch.randint(3, (16,), generator=generator), torch.randint(8, (16,), generator=generator)


def gradient(step):
    return torch.cat([p.grad.flatten() for p in step.parameters()])


def work(rank, port, path):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    step = nn.parallel.DistributedDataParallel(Step())
    step(*(part[rank::2] for part in batch())).backward()
    if rank == 0:
        torch.save(gradient(step.module), path)
    torch.distributed.destroy_process_group()


def test_gradient_of_two_processes_equals_that_of_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(work, args=(port, tmp_path / "gradient.pt"), nprocs=2)
    together = torch.load(tmp_path / "gradient.pt", weights_only=True)
    alone = Step()
    alone(*batch()).backward()
    assert_near(together, gradient(alone))
    half = Step()
    half(*(part[::2] for part in batch())).backward()
    assert (gradient(half) - gradient(alone)).abs().max() > 1e-3  # the test can tell
