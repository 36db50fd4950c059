"""What tests of the library share."""

from contextlib import nullcontext

import pytest
import torch


@pytest.fixture
def meta(monkeypatch):
    """The device without data, where reading a value is an error; PyTorch has no autocast for it."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    return torch.device("meta")
