"""Checks of objectives and measures: invalid weights, latents, losses and views raise errors."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from torch import Tensor

from regrep.errors import RegrepError

Control = Literal["permuted", "shuffled", "shrunk"]


def check_choice(what: str, value: object, choices: Any) -> None:
    """Raise unless the value is one of a Literal."""
    names = get_args(choices)
    if value not in names:
        listed = ", ".join(f'"{name}"' for name in names[:-1])
        raise RegrepError(f'{what} is {listed} or "{names[-1]}", got {value!r}')


def check_weight(name: str, value: float) -> None:
    """Raise for a weight below 0 or not finite."""
    if not (math.isfinite(value) and value >= 0):
        raise RegrepError(f"{name} is a finite number of at least 0, got {value}; use 0 to switch the term off")


def check_latent(z: Any, x: Tensor) -> Tensor:
    """Return the latents z of the inputs x [B, ...]; raise unless they are one real tensor [B, ...].

    >>> import torch
    >>> check_latent((torch.zeros(3, 4), None), torch.zeros(3, 2))
    Traceback (most recent call last):
    regrep.errors.RegrepError: a latent is one tensor, got a tuple; wrap the encoder so that it returns the latent alone
    """
    if not isinstance(z, Tensor):
        raise RegrepError(
            f"a latent is one tensor, got a {type(z).__name__}; wrap the encoder so that it returns the latent alone"
        )
    if not z.dim() or len(z) != len(x) or z.is_complex():
        raise RegrepError(
            f"a latent is a real tensor [{len(x)}, ...], one row per input, got {str(z.dtype)[6:]} {list(z.shape)};"
            " put the batch first"
        )
    return z


def check_task(loss: Tensor) -> Tensor:
    """Return the task loss; raise unless it is a scalar."""
    if loss.dim():
        raise RegrepError(f"task_loss returns a scalar, got shape {list(loss.shape)}; take its mean over the samples")
    return loss


def check_views(x: Tensor, g: Tensor | None, gx: Tensor | None) -> None:
    """Raise for an empty batch, and for transformed inputs without their elements or of a different shape."""
    if not (isinstance(x, Tensor) and x.dim() and len(x)):
        raise RegrepError(
            "a batch is a tensor [B, ...] of at least one input,"
            f" got {list(x.shape) if isinstance(x, Tensor) else type(x).__name__}; skip empty batches"
        )
    if gx is not None and (g is None or gx.shape != x.shape):
        raise RegrepError(
            f"transformed inputs gx need their elements g and have the shape of x {list(x.shape)},"
            f" got gx of shape {list(gx.shape)} and {'no g' if g is None else 'g'}; pass both or neither"
        )
