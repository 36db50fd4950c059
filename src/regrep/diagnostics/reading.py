"""Read latents from any kind of encoder in evaluation mode, and restore its state."""

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
    """An encoder did not behave as a deterministic function of its input while it was measured."""


def reader(encoder: Callable[[Tensor], Tensor], layer: str | None) -> Callable[[Tensor], Tensor]:
    """The map x -> latent of an encoder or of one of its layers, in single precision or higher."""
    if layer is None:
        return lambda x: wide(check_latent(encoder(x), x))
    if not isinstance(encoder, nn.Module):
        raise RegrepError(f"layer {layer!r} can only be found in a module, but the encoder is a function")

    def read(x: Tensor) -> Tensor:
        with latent_of(encoder, layer) as tap:
            encoder(x)
        return wide(check_latent(tap.value, x))

    return read


@contextmanager
def evaluating(*functions: object, stacklevel: int = 4) -> Iterator[None]:
    """Disable gradients and set every module behind some functions to evaluation mode; restore the modes afterwards.

    For a module, a bound method of one and a ``functools.partial`` of these, the modules are known beforehand. Modules
    called by any other function are found as they run; if one of them was in training mode and computes something
    else there, an :class:`EvaluationWarning` says so, since outside this block the function gives other values.
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
            f"a function calls modules in training mode ({', '.join(moody)}): they were measured in evaluation mode and"
            " their statistics are unchanged; call .eval() on the module, or pass the module itself",
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
    """Whether a module computes something different in training mode."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return True
    if isinstance(module, _NormBase):
        return bool(module.track_running_stats)
    return isinstance(module, nn.RNNBase | nn.MultiheadAttention) and module.dropout > 0


def check_samples(x: Tensor, batch_size: int, act: Action, rho: LatentAction | None = None) -> None:
    """Raise for no samples, an empty batch, or different groups."""
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
        raise RegrepError("the latents of an encoder are finite, got NaN or infinity; check x and the weights")


def plain(value: object) -> object:
    """Tensors as lists and nan as None, for records."""
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and value != value else value


def beyond_identity(values: Tensor) -> float:
    """Mean along the last dimension over the elements other than the identity, or over the identity if it is alone."""
    return float(values[..., 1:].mean() if values.shape[-1] > 1 else values.mean())
