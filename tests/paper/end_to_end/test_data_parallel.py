"""Two processes train as one: the averaged gradient is that of the whole batch."""

import gc

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


def work(rank, folder):
    torch.set_num_threads(1)
    # A store in a file needs no free port and no server thread that could outlive the interpreter.
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    step = nn.parallel.DistributedDataParallel(Step())
    step(*(part[rank::2] for part in batch())).backward()
    if rank == 0:
        torch.save(gradient(step.module), folder / "gradient.pt")
    # The wrapper sits in a reference cycle and holds the process group: left to the interpreter's exit, the group's
    # threads are destroyed while they run, and the process aborts now and then.
    torch.distributed.barrier()
    del step
    gc.collect()
    torch.distributed.destroy_process_group()


def test_gradient_of_two_processes_equals_that_of_one(tmp_path):
    torch.multiprocessing.spawn(work, args=(tmp_path,), nprocs=2)
    together = torch.load(tmp_path / "gradient.pt", weights_only=True)
    alone = Step()
    alone(*batch()).backward()
    assert_near(together, gradient(alone))
    half = Step()
    half(*(part[::2] for part in batch())).backward()
    assert (gradient(half) - gradient(alone)).abs().max() > 1e-3  # the test can tell
