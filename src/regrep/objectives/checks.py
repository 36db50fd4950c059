"""Checks of objectives and measures: invalid weights, latents, losses and views raise errors."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, get_args

from torch import Tensor

from regrep.actions.trees import children, leaves, mapped, samples_in
from regrep.arguments import is_real, shown
from regrep.errors import RegrepError
from regrep.representations import Representation


class PositionsWarning(UserWarning):
    """A representation acts on the channels of tokens alone, and nothing says that the tokens stay in place."""


class CapacityWarning(UserWarning):
    """The invariant part of the latent is narrower than the outputs it has to feed."""


Control = Literal["permuted", "shuffled", "shrunk"]


def check_choice(what: str, value: object, choices: Any) -> None:
    """Raise unless the value is one of a Literal."""
    names = get_args(choices)
    if not isinstance(value, str) or value not in names:
        listed = ", ".join(f'"{name}"' for name in names[:-1])
        raise RegrepError(f'{what} is {listed} or "{names[-1]}", got {shown(value)}')


def check_weight(name: str, value: float) -> None:
    """Raise for a weight below 0 or not finite."""
    if not (is_real(value) and value >= 0):
        raise RegrepError(f"{name} is a finite number of at least 0, got {shown(value)}; use 0 to switch the term off")


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


def check_positions(z: Tensor, rho: object, stacklevel: int = 3) -> None:
    """Warn if a latent has more dimensions than its representation acts on, so that its positions stay in place."""
    if not isinstance(rho, Representation) or len(rho.shape) > 1 or z.dim() < 3:
        return
    *positions, width = z.shape[1:]
    shape = ", ".join(map(str, positions))
    warnings.warn(
        f"{rho!r} moves the last dimension of the latent [B, {shape}, {width}] and leaves its {math.prod(positions)}"
        " positions in place, but patches of an image or nodes of a graph move with the data: take a layout such as"
        f" regrep.representations.layouts.tokens(act, ({math.prod(positions)}, {width})), or, if no position moves,"
        f" regrep.representations.Tokens(regrep.trivial(G, {math.prod(positions)}), rho)",
        PositionsWarning,
        stacklevel=stacklevel,
    )


def check_capacity(rho: object, needed: int, stacklevel: int = 3) -> None:
    """Warn if a latent has fewer invariant coordinates than there are invariant outputs."""
    if not isinstance(rho, Representation) or rho.invariant_dim >= needed:
        return
    warnings.warn(
        f"{rho!r} has {rho.invariant_dim} invariant coordinates for a head that is linear in elementwise functions of"
        f" the latent, but there are {needed} invariant outputs: enforcing equivariance there costs accuracy; widen the"
        " latent, penalise an earlier feature map, or give the head invariant non-linear features",
        CapacityWarning,
        stacklevel=stacklevel,
    )


def check_task(loss: Tensor) -> Tensor:
    """Return the task loss; raise unless it is a scalar."""
    if not isinstance(loss, Tensor):
        raise RegrepError(f"task_loss returns a scalar tensor, got {shown(loss)}; compute it with torch")
    if loss.dim():
        raise RegrepError(f"task_loss returns a scalar, got shape {list(loss.shape)}; take its mean over the samples")
    return loss


def check_views(x: Any, g: Tensor | None, gx: Any) -> int:
    """Number of samples; raises for an empty batch, and for gx without its elements or of a different shape."""
    if isinstance(x, Tensor) or children(x) is None:
        empty = not (isinstance(x, Tensor) and x.dim() and len(x))
        got = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
    else:
        found = [leaf for _, leaf in leaves(x) if isinstance(leaf, Tensor) and leaf.dim()]
        empty, got = not found or not samples_in(x, what="x"), f"{type(x).__name__} of {len(found)} tensors"
    if empty:
        raise RegrepError(f"a batch is a tensor [B, ...] of at least one input, got {got}; skip empty batches")
    if gx is not None and (g is None or shapes(gx) != shapes(x)):
        raise RegrepError(
            f"transformed inputs gx need their elements g and have the shape of x {shapes(x)},"
            f" got gx of shape {shapes(gx)} and {'no g' if g is None else 'g'}; pass both or neither"
        )
    return samples_in(x, what="x")


def shapes(x: Any) -> Any:
    """The shape of a tensor, or those of the tensors of a tree."""
    return list(x.shape) if isinstance(x, Tensor) else mapped(lambda path, leaf: list(leaf.shape), x)


def check_unlabelled(x: Any, unlabelled: Any) -> int:
    """Number of samples without labels; raises unless they are of the same kind as x."""
    count = check_views(unlabelled, None, None)
    own, other = (mapped(lambda path, leaf: list(leaf.shape[1:]), tree) for tree in (x, unlabelled))
    if own != other:
        raise RegrepError(
            f"unlabelled inputs have the shape of x apart from their number, {own} each, got {other}; join inputs of"
            " one kind"
        )
    return count
