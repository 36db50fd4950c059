"""Several processes that train one network: what each has of a batch, put together again."""

from __future__ import annotations

import os

from lightning.pytorch import Trainer
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from regrep.errors import RegrepError
from regrep.integrations.lightning import counted
from regrep_paper.data.samples import Views

__all__ = ["check_processes", "counted", "gathered", "weighted"]


def gathered(part: Tensor, batch: Views) -> Tensor:
    """A tensor [n, ...] about this process's samples as that of the whole batch [B, ...], in its order.

    Without gradient, and unchanged where this process has the whole batch. All processes call it equally often.
    """
    if batch.whole is None:
        return part
    parts = gather_all_tensors(part.detach()[: None if batch.share else 0])
    whole = part.new_empty(batch.whole, *part.shape[1:])
    for rank, rows in enumerate(parts):
        whole[rank :: len(parts)] = rows
    return whole


def weighted(loss: Tensor, batch: Views) -> Tensor:
    """The mean loss of this process's samples, so that its mean over processes is that of the whole batch.

    >>> import torch
    >>> parts = [Views(torch.zeros(5), torch.zeros(5), torch.zeros(5), None).of_process(k, 2) for k in range(2)]
    >>> means = torch.tensor([10.0, 20.0])  # of three and of two samples
    >>> sum(weighted(mean, part) for mean, part in zip(means, parts)) / 2
    tensor(14.)
    """
    return loss if batch.share == 1 else loss * batch.share


def check_processes(trainer: Trainer, compiled: bool = False) -> None:
    """Raise unless the trainer uses all processes that a launcher such as torchrun started, and our batches.

    Raises:
        RegrepError: it uses another number, or would divide the batches once more, or a compiled step would not gather.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != trainer.world_size and "TORCHELASTIC_RUN_ID" in os.environ:
        raise RegrepError(
            f"torchrun started {started} processes, but the trainer uses {trainer.world_size};"
            f" pass --trainer.devices={os.environ.get('LOCAL_WORLD_SIZE', started)} --trainer.strategy=ddp"
        )
    if trainer.world_size > 1 and trainer._accelerator_connector.use_distributed_sampler:
        raise RegrepError(
            "the processes already share every batch, so no sampler may divide the batches;"
            " leave out --trainer.use_distributed_sampler"
        )
    if trainer.world_size > 1 and compiled:
        raise RegrepError(
            "a compiled step does not gather the latents of several processes;"
            " leave out --compile, or train on one process"
        )
