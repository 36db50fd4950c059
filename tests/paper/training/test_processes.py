"""Two processes train and measure what one does: batches are the same, and each sample counts once."""

import os
import socket
from types import SimpleNamespace

import lightning
import pytest
import torch
import torch.multiprocessing
from lightning.pytorch import Trainer
from torch import nn

import regrep
from regrep.errors import RegrepError
from regrep.nn import EncoderHead
from regrep.objectives import EquivariantObjective
from regrep_paper.data.double_digits import DoubleDigits, action_of
from regrep_paper.data.samples import Views
from regrep_paper.training import processes
from regrep_paper.training.module import ClassifierModule
from regrep_paper.training.processes import check_processes, counted, gathered, weighted
from regrep_paper.training.run import TRAINER, prepare

SAMPLES, BATCH = 4 * 9, 7
"""The last batch has one sample, so that nothing is left for the second process."""


class Doubled(nn.Module):
    def forward(self, x):
        return x.flatten(1).double()


class Small(EncoderHead):
    """Without batch normalisation, whose statistics are those of a process."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(Doubled(), nn.Linear(56 * 56, 16), nn.Tanh()).double()
        self.head = nn.Linear(16, 4).double()


class Trial(ClassifierModule):
    ranked = True

    def __init__(self, penalty):
        act, network = action_of("D1"), Small()
        rho = regrep.latent(act.group, 16)
        loss = nn.functional.cross_entropy
        objective = EquivariantObjective(network.encoder, network.head, loss, act, rho, penalty=penalty)
        super().__init__(network, 0.1, objective, {})

    def configure_optimizers(self):
        return torch.optim.SGD(self.network.parameters(), lr=self.learning_rate)


def outcome(penalty, **settings):
    """Weights, metrics and right test samples of two epochs."""
    prepare()
    lightning.seed_everything(0, verbose=False)
    counts = {f"{split}_pairs": SAMPLES // 4 for split in ("train", "validation", "test")}
    data = DoubleDigits("D1", classes=2, batch_size=BATCH, **counts)
    model = Trial(penalty)
    options = {**TRAINER, "max_epochs": 2, "accelerator": "cpu", **settings}
    trainer = Trainer(**options)
    trainer.fit(model, datamodule=data)
    found = {f"trained {name}": value for name, value in trainer.callback_metrics.items()}
    trainer.test(model, datamodule=data, verbose=False)
    found |= dict(trainer.callback_metrics)
    found["right"] = torch.cat(model._correct)
    found["weights"] = torch.cat([p.detach().flatten() for p in model.network.parameters()])
    return found


def work(rank, folder, port, penalty):
    torch.set_num_threads(1)
    os.environ.update(LOCAL_RANK=str(rank), NODE_RANK="0", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    torch.save(outcome(penalty, devices=2, strategy="ddp"), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["mse", "whitened"])
def test_two_processes_leave_what_one_leaves(tmp_path, penalty):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    torch.multiprocessing.spawn(work, args=(tmp_path, port, penalty), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    alone = outcome(penalty)
    # Of the mean-squared penalty's samples the errors are measured by each process, and so are no errors of the batch.
    own = {"trained train/whitened_error", "trained train/moving_share"} if penalty == "mse" else set()
    assert len(alone) > 20
    assert {"test/auc", "test/auc_upright", "test/through_rho"} <= set(alone)
    for name in alone.keys() - own:
        assert torch.allclose(first[name].double(), alone[name].double(), rtol=1e-5), name
        assert torch.equal(first[name], second[name]), name
    assert len(first["right"]) == SAMPLES


def stand_in(world_size, sampler=False):
    """A trainer as far as it is asked about its processes."""
    return SimpleNamespace(
        world_size=world_size, _accelerator_connector=SimpleNamespace(use_distributed_sampler=sampler)
    )


def test_processes_of_torchrun_are_all_used(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "4")
    for local, devices in ((None, 4), ("2", 2)):
        if local is not None:
            monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
        told = (
            "torchrun started 4 processes, but the trainer uses 1;"
            f" pass --trainer.devices={devices} --trainer.strategy=ddp"
        )
        with pytest.raises(RegrepError) as error:
            check_processes(Trainer(accelerator="cpu", **TRAINER))
        assert str(error.value) == told
    check_processes(stand_in(4))
    monkeypatch.setenv("WORLD_SIZE", "1")
    check_processes(stand_in(1))
    monkeypatch.delenv("WORLD_SIZE")
    check_processes(stand_in(1))
    with pytest.raises(RegrepError, match="torchrun started 1 processes, but the trainer uses 2"):
        check_processes(stand_in(2))
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")  # another launcher may count in another way
    check_processes(stand_in(2))


def test_no_sampler_divides_batches_again():
    trainer = Trainer(accelerator="cpu", **{**TRAINER, "devices": 2, "use_distributed_sampler": True})
    with pytest.raises(RegrepError, match="the processes already share every batch"):
        check_processes(trainer)
    check_processes(stand_in(1, sampler=True))  # alone there is nothing to divide
    check_processes(stand_in(2, sampler=False))


def test_a_compiled_step_is_that_of_one_process():
    trainer = Trainer(accelerator="cpu", **{**TRAINER, "devices": 2})
    with pytest.raises(RegrepError, match="a compiled step does not gather the latents of several processes"):
        check_processes(trainer, compiled=True)
    check_processes(Trainer(accelerator="cpu", **TRAINER), compiled=True)


@pytest.mark.parametrize("samples", [1, 2, 5, 6])
def test_parts_of_a_batch_are_put_together_in_its_order(monkeypatch, samples):
    """Each of three processes has every third sample; one for which none is left adds nothing."""
    values = torch.arange(2.0 * samples).reshape(samples, 2).requires_grad_()
    whole = Views(values, torch.arange(samples), torch.zeros(samples, dtype=torch.int64), None)
    parts = [whole.of_process(k, 3) for k in range(3)]
    sent = []
    monkeypatch.setattr(processes, "gather_all_tensors", lambda part: sent.append(part) or [])
    for part in parts:
        gathered(part.x, part)
    assert [len(part) for part in sent] == [len(range(k, samples, 3)) for k in range(3)]
    monkeypatch.setattr(processes, "gather_all_tensors", lambda part: sent)
    for part in parts:
        found = gathered(part.x, part)
        assert torch.equal(found, values)
        assert not found.requires_grad
    assert gathered(values, whole) is values  # alone nothing is copied, and a gradient stays


def test_shares_make_the_mean_of_the_batch():
    loss = torch.tensor(3.0)
    batch = Views(torch.zeros(2), torch.zeros(2), torch.zeros(2), None)
    assert weighted(loss, batch) is loss
    assert weighted(loss, batch._replace(share=0.5)) == 1.5
    assert weighted(loss, batch._replace(share=0.0)) == 0


@pytest.mark.parametrize(("available", "begun", "expected"), [(True, True, 21), (True, False, 7), (False, True, 7)])
def test_samples_are_counted_for_all_processes(monkeypatch, available, begun, expected):
    monkeypatch.setattr(torch.distributed, "is_available", lambda: available)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: begun)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
    assert counted(7) == expected
