"""Read latents from an encoder in evaluation mode, whatever kind of callable it is, and leave it as it was."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_pre_hook

from regrep.actions import Action
from regrep.errors import RegrepError
from regrep.objectives.checks import check_latent
from regrep.objectives.functional import LatentAction, wide
from regrep.objectives.layers import latent_of


class EvaluationWarning(UserWarning):
    """An encoder did not behave as one function of its input while it was measured."""


def reader(encoder: Callable[[Tensor], Tensor], layer: str | None) -> Callable[[Tensor], Tensor]:
    """The map x -> latent, in single precision at least, of an encoder or of one of its layers."""
    if layer is None:
        return lambda x: wide(check_latent(encoder(x), x))
    if not isinstance(encoder, nn.Module):
        raise RegrepError(f"layer {layer!r} is looked up in a module, but the encoder is a function")

    def read(x: Tensor) -> Tensor:
        with latent_of(encoder, layer) as tap:
            encoder(x)
        return wide(check_latent(tap.value, x))

    return read


@contextmanager
def evaluating(*functions: object, stacklevel: int = 4) -> Iterator[None]:
    """No gradient, and evaluation mode for every module behind some functions; each mode is restored afterwards.

    A module, a bound method of one and a ``functools.partial`` of these are evaluated as they are. Modules that
    another function calls are found as they run; where one of them was in training mode and that matters to it, an
    :class:`EvaluationWarning` says so, for outside of this block the function is a different one.
    """
    modules = [module for function in functions for module in modules_of(function)]
    modes = {part: part.training for module in modules for part in module.modules()}
    found: dict[nn.Module, bool] = {}

    def evaluate(module: nn.Module, args: Any) -> None:
        if module.training and module not in modes:
            found.setdefault(module, True)
            module.training = False

    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for module in modules:
            module.eval()
        if not all(isinstance(function, nn.Module) for function in functions):
            handle = register_module_forward_pre_hook(evaluate)
            stack.callback(handle.remove)
        try:
            yield
        finally:
            for part, mode in {**modes, **found}.items():
                part.training = mode
    moody = sorted({type(module).__name__ for module in found if depends_on_mode(module)})
    if moody:
        warnings.warn(
            f"a function calls modules in training mode ({', '.join(moody)}): they were measured in evaluation mode, so"
            " that their statistics are unchanged; call .eval() on the module, or pass the module itself",
            EvaluationWarning,
            stacklevel=stacklevel,
        )


def modules_of(function: object) -> list[nn.Module]:
    """The modules behind a module, a bound method, or a partial of these; none behind another function."""
    if isinstance(function, nn.Module):
        return [function]
    if isinstance(function, functools.partial):
        return [module for part in (function.func, *function.args) for module in modules_of(part)]
    return modules_of(owner) if (owner := getattr(function, "__self__", None)) is not None else []


def depends_on_mode(module: nn.Module) -> bool:
    """Whether a module computes something else in training mode."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return True
    if isinstance(module, _NormBase):
        return bool(module.track_running_stats)
    return isinstance(module, nn.RNNBase | nn.MultiheadAttention) and module.dropout > 0


def check_samples(x: Tensor, batch_size: int, act: Action, rho: LatentAction | None = None) -> None:
    """Raise for no samples, an empty batch, or two groups."""
    if len(x) == 0:
        raise RegrepError("an equivariance error needs at least one sample, got none")
    if batch_size < 1:
        raise RegrepError(f"a batch holds at least 1 sample, got batch_size {batch_size}")
    group = getattr(rho, "group", act.group)
    if group != act.group:
        raise RegrepError(
            f"the latent carries a representation of {group.name}, but {act.group.name} acts on the data;"
            " use one group for both"
        )


def element(k: int, like: Tensor) -> Tensor:
    """Index of one element for every sample, int64 [B]."""
    return torch.full((len(like),), k, device=like.device)


def check_finite(*latents: Tensor) -> None:
    """Raise for NaN and infinity."""
    if not all(bool(z.isfinite().all()) for z in latents):
        raise RegrepError("the latents of an encoder are finite, got NaN or an infinity; check x and the weights")


def plain(value: object) -> object:
    """Tensors as lists and nan as None, for records."""
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and value != value else value


def beyond_identity(values: Tensor) -> float:
    """Mean over the elements other than the identity, along the last dimension; of a group of one element, of that."""
    return float(values[..., 1:].mean() if values.shape[-1] > 1 else values.mean())
