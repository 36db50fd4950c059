"""What tests of the library share."""

from contextlib import nullcontext

import pytest
import torch


@pytest.fixture
def meta(monkeypatch):
    """The device without data, where reading a value is an error; PyTorch has no autocast for it."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    return torch.device("meta")


@pytest.fixture
def compiler():
    """Compiled code of a function is kept for a few kinds of calls alone; none is left to the tests that follow."""
    torch.compiler.reset()
    yield torch.compile
    torch.compiler.reset()
