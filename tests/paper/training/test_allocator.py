"""What the C library is told about freed memory, and the precision that a machine gets by default."""

from types import SimpleNamespace

import pytest
import torch

from regrep_paper.training import machine


@pytest.mark.parametrize(("answers", "done"), [((1, 1), True), ((0, 1), False), ((1, 0), False)])
def test_glibc_keeps_freed_memory(monkeypatch, answers, done):
    """No buffer is mapped by itself, and the top of the heap is never given back: M_MMAP_MAX and M_TRIM_THRESHOLD."""
    told, left = [], list(answers)

    def mallopt(parameter, value):
        told.append((parameter, value))
        return left.pop(0)

    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("glibc", "2.35"))
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt) if name is None else None)
    assert machine.tune_allocator() is done
    assert told == [(-4, 0), (-1, 2147483647)][: 1 + answers[0]]


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(machine.ctypes, "CDLL", None)
    assert machine.tune_allocator() is False


@pytest.mark.parametrize(
    ("gpu", "there", "processor", "precision"),
    [
        (True, True, False, "bf16-mixed"), (True, False, True, "32-true"), (False, True, False, "32-true"),
        (False, False, True, "bf16-mixed"),
    ],
)  # fmt: skip
def test_the_precision_is_that_of_the_hardware(monkeypatch, gpu, there, processor, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: there)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: processor, raising=False)
    assert machine.default_precision() == precision
