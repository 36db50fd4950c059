"""Where the runs of a comparison are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from regrep.actions.trees import leaves, mapped
from regrep.arguments import shown
from regrep.comparison.failures import first_line
from regrep.errors import RegrepError

CPU = torch.device("cpu")


def device_named(name: object) -> torch.device:
    """A device by its name; whether this machine has it, only :func:`check_present` says.

    Raises:
        RegrepError: no such name, or the meta device, which has no values.

    >>> device_named("cuda:1")
    device(type='cuda', index=1)
    >>> device_named("gpu")
    Traceback (most recent call last):
    regrep.errors.RegrepError: a device is named cpu, cuda, cuda:1 or as torch names another one, got 'gpu'
    """
    found = None
    if isinstance(name, str | torch.device):
        with suppress(RuntimeError):
            found = torch.device(name)
    if found is None or found.type == "meta":
        raise RegrepError(f"a device is named cpu, cuda, cuda:1 or as torch names another one, got {shown(name)}")
    return CPU if found.type == "cpu" else found


def check_present(device: torch.device) -> None:
    """Raise unless this machine has the device.

    >>> check_present(torch.device("cpu"))
    """
    if device == CPU:
        return
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as cause:
        reason = first_line(cause).rstrip(".")
        raise RegrepError(f"there is no device {device} here ({reason}); choose another one, such as cpu") from cause


def name_of(device: torch.device) -> str:
    """What a record calls a device: the name of the card where there is one.

    >>> name_of(torch.device("cpu"))
    'cpu'
    """
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def on_device(tree: Any, device: torch.device) -> Any:
    """A tree of tensors on a device; the tree itself if it is there."""
    there = all(leaf.device == device for _, leaf in leaves(tree) if isinstance(leaf, Tensor))
    return tree if there else mapped(lambda path, leaf: leaf.to(device), tree)


def sent(parts: Sequence[Tensor], device: torch.device) -> Sequence[Tensor]:
    """Integers of the CPU on a device, in one copy that neither side waits for."""
    if device == CPU:
        return parts
    whole = torch.cat(list(parts))
    if device.type == "cuda":
        whole = whole.pin_memory()  # torch keeps the memory until the copy is made
    return whole.to(device, non_blocking=True).split([len(part) for part in parts])


def wait_for(device: torch.device) -> None:
    """Return when a device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device != CPU:
        getattr(torch, device.type).synchronize()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global generators begin at a seed in this block, and go on afterwards as if it had not been.

    The devices that this process does not use yet are left alone: nothing is started on them.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
