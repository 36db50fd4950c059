"""Objectives on several processes: whether gradients are averaged over them, and latents of the whole batch."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from regrep.errors import RegrepError
from regrep.objectives.modules import modules_of


def running_wrapper(parts: Sequence[object]) -> DistributedDataParallel | None:
    """The data-parallel wrapper that averages the gradients of what runs now; None on a single process.

    That is the wrapper whose forward pass this is a part of, or else one of the parts if it is a wrapper itself.

    Args:
        parts: encoder, head and what else is trained.
    """
    if torch.compiler.is_compiling() or not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return None
    frame, found = sys._getframe(1), None
    while frame is not None and found is None:
        if frame.f_code is DistributedDataParallel.forward.__code__:
            found = frame.f_locals["self"]
        frame = frame.f_back  # type: ignore[assignment]
    if found is None:
        modules = (module for part in parts for module in modules_of(part))
        found = next((module for module in modules if isinstance(module, DistributedDataParallel)), None)
    return None if found is None or torch.distributed.get_world_size(found.process_group) == 1 else found


def check_averaged(parts: Sequence[object]) -> None:
    """Raise if gradients of some parameters would silently not be averaged over the processes.

    A wrapper averages what its own forward pass used. Parameters that no wrapper holds are left to the caller, unless a
    wrapper holds others.

    Args:
        parts: encoder, head and what else is trained.

    Raises:
        RegrepError: a wrapper holds the parameters, but does not run, or it holds only some of them.
    """
    if torch.compiler.is_compiling() or not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    modules = [module for part in parts for module in modules_of(part)]
    trained = {p for module in modules for p in module.parameters() if p.requires_grad}
    averaged = [m for m in (running_wrapper(parts), *modules) if isinstance(m, DistributedDataParallel)]
    left = trained.difference(*(wrapper.parameters() for wrapper in averaged))
    if not left or torch.distributed.get_world_size() == 1:
        return
    # A parameter does not know its wrapper; the search takes some hundredths of a second, once in an objective's life.
    wrappers = [thing for thing in gc.get_objects() if issubclass(type(thing), DistributedDataParallel)]
    holders = [wrapper for wrapper in wrappers if wrapper.require_backward_grad_sync and _holds(wrapper, left)]
    if holders:
        raise RegrepError(
            "gradients are averaged over processes only by the forward pass of DistributedDataParallel, but the"
            " objective uses a module inside such a wrapper without calling it; compute the objective in the forward"
            " pass of the wrapped module, or pass it encoder and head in a DistributedDataParallel each"
        )
    if averaged:
        raise RegrepError(
            f"DistributedDataParallel holds only some of the parameters that are trained, and {len(left)} tensors would"
            " not be averaged over processes; wrap a module of all that is trained, or each part"
        )


def _holds(wrapper: DistributedDataParallel, wanted: set[Any]) -> bool:
    return any(p in wanted for p in wrapper.parameters())


def of_all_processes(part: Tensor, wrapper: DistributedDataParallel) -> Tensor:
    """The rows of a tensor [n, ...] on all processes, one after the other, with gradients to all of them.

    The numbers of rows may differ. Every process computes the same loss of all rows; a wrapper that averages the
    gradients over the processes then arrives at its gradient.
    """
    group = wrapper.process_group
    count = torch.tensor([len(part)], device=part.device)
    counts = [torch.empty_like(count) for _ in range(torch.distributed.get_world_size(group))]
    torch.distributed.all_gather(counts, count, group)
    sizes = torch.cat(counts).tolist()
    padded = torch.cat([part, part.new_zeros(max(sizes) - len(part), *part.shape[1:])])
    rows = _Gathered.apply(padded, group)
    return torch.cat([block[:size] for block, size in zip(rows, sizes, strict=True)])


@torch.no_grad()
def mean_of_all_processes(value: Tensor, wrapper: DistributedDataParallel) -> Tensor:
    """The mean of a number over the processes, without gradient."""
    total = value.detach().clone()
    torch.distributed.all_reduce(total, group=wrapper.process_group)
    return total / torch.distributed.get_world_size(wrapper.process_group)


class _Gathered(torch.autograd.Function):
    """A tensor of all processes, stacked; torch.distributed.nn has one too, which newer versions warn of."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, group: Any) -> Tensor:
        """Gather."""
        ctx.group, part = group, part.contiguous()  # feature maps may lie channels last
        rows = [torch.empty_like(part) for _ in range(torch.distributed.get_world_size(group))]
        torch.distributed.all_gather(rows, part, group)
        return torch.stack(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """What the losses of all processes say about this one's rows."""
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(gradient, group=ctx.group)
        return gradient[torch.distributed.get_rank(ctx.group)], None
