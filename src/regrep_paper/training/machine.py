"""Settings of the machine that make training faster without changing results."""

from __future__ import annotations

import ctypes
import platform

import torch

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h


def tune_allocator() -> bool:
    """Keep freed memory in the process instead of returning every large buffer to the system.

    PyTorch on a CPU allocates the activations of each step anew; glibc maps and unmaps such buffers one by
    one, and the page faults take up to a third of a step (``benchmarks/ddmnist.py``). Does nothing, and
    returns False, where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_MAX, 0)) and bool(libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def default_precision() -> str:
    """``bf16-mixed`` where the processor multiplies bfloat16 in hardware, else ``32-true``."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bf16-mixed" if native() else "32-true"
