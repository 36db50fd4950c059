"""Read latents from any kind of encoder in evaluation mode, and restore its state."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_pre_hook

from regrep.actions.trees import leaves, mapped, part_of, samples_in, tensor_in
from regrep.arguments import check_callable, check_tensor, shown, whole
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.finite import check_group
from regrep.objectives.checks import check_latent
from regrep.objectives.functional import LatentAction, wide
from regrep.objectives.layers import OUTPUT, Layer, Place, latent_of, module_with
from regrep.objectives.modules import modules_of


class EvaluationWarning(UserWarning):
    """An encoder did not behave as a deterministic function of its input while it was measured."""


def reader(encoder: Callable[..., Any], layer: Layer | None) -> Callable[[Any], Tensor]:
    """The map x -> latent of an encoder or of one of its layers, in single precision or higher.

    The encoder gets a copy of x, which it may overwrite in place.
    """
    check_callable("the encoder", encoder)
    place = Place.of(OUTPUT if layer is None else layer)
    if layer is None or place.layer == OUTPUT:
        return lambda x: wide(check_latent(part_of(encoder(copied(x)), place.path, "the outputs"), tensor_in(x)))
    model = module_with(encoder, place.layer)

    def read(x: Any) -> Tensor:
        with latent_of(model, layer) as tap:
            encoder(copied(x))
        runs = tap.values
        if len(runs) > 1:
            raise RegrepError(
                f"layer {layer!r} runs {len(runs)} times in a forward pass, and one run is measured at a time; name"
                f' it, from "{place.layer}#0" to "{place.layer}#{len(runs) - 1}"'
            )
        return wide(check_latent(runs[0], tensor_in(x)))

    return read


def copied(x: Any) -> Any:
    """A copy of a tree of tensors."""
    return mapped(lambda path, leaf: leaf.clone(), x)


class _Modes:
    """The modes of modules that are being measured, maybe by several threads at once: the last one restores them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held: dict[nn.Module, list[int]] = {}  # how often held, and the mode before

    @contextmanager
    def evaluation(self, modules: Sequence[nn.Module]) -> Iterator[Callable[[nn.Module], bool]]:
        """Evaluation mode for some modules; the function given holds another one and says whether it was training."""
        mine: set[nn.Module] = set()

        def hold(part: nn.Module) -> bool:
            if part in mine:
                return False
            mine.add(part)
            self._held.setdefault(part, [0, part.training])[0] += 1
            return bool(self._held[part][1])

        def hold_one(part: nn.Module) -> bool:
            with self._lock:
                trained = hold(part)
                part.training = False
                return trained

        with self._lock:
            for module in modules:
                for part in module.modules():
                    hold(part)
                module.eval()
        try:
            yield hold_one
        finally:
            with self._lock:
                for part in mine:
                    self._held[part][0] -= 1
                    if not self._held[part][0]:
                        part.training = bool(self._held.pop(part)[1])


_MODES = _Modes()


@contextmanager
def evaluating(*functions: object, stacklevel: int = 4) -> Iterator[None]:
    """Disable gradients and set every module behind some functions to evaluation mode; restore the modes afterwards.

    The modules are found by :func:`~regrep.objectives.modules.modules_of`. Others are found as they run in this thread;
    if one of them was in training mode and computes something else there, an :class:`EvaluationWarning` says so, since
    outside this block the function gives other values.
    """
    found: list[nn.Module] = []
    thread = threading.get_ident()
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        hold = stack.enter_context(_MODES.evaluation([part for function in functions for part in modules_of(function)]))

        def evaluate(module: nn.Module, args: Any) -> None:
            if threading.get_ident() == thread and hold(module):
                found.append(module)

        if not all(isinstance(function, nn.Module) for function in functions):
            stack.callback(register_module_forward_pre_hook(evaluate).remove)
        yield
    moody = sorted({type(module).__name__ for module in found if depends_on_mode(module)})
    if moody:
        warnings.warn(
            f"a function calls modules in training mode ({', '.join(moody)}): they were measured in evaluation mode and"
            " their statistics are unchanged; call .eval() on the module, or pass the module itself",
            EvaluationWarning,
            stacklevel=stacklevel,
        )


def depends_on_mode(module: nn.Module) -> bool:
    """Whether a module computes something different in training mode."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return True
    if isinstance(module, _NormBase):
        return bool(module.track_running_stats)
    return isinstance(module, nn.RNNBase | nn.MultiheadAttention) and module.dropout > 0


def check_samples(x: Any, batch_size: int, act: Any, *rho: LatentAction, table: bool = True) -> int:
    """Number of samples; raises for none, an empty batch, different groups, or by default one too large for a table.

    Where a latent is moved, its representation is checked too.
    """
    if isinstance(x, Tensor) or not any(isinstance(leaf, Tensor) for _, leaf in leaves(x)):
        check_tensor("x", x, 1)
    count = samples_in(x, what="x")
    if count == 0:
        raise RegrepError("an equivariance error needs at least one sample, got none")
    whole("batch_size", batch_size, 1)
    if not (isinstance(getattr(act, "group", None), FiniteGroup) and callable(act)):
        raise RegrepError(f"act is an action of a group on the data, got {shown(act)}; see regrep.actions")
    check_group(act.group, table)
    for one in rho:
        check_callable("rho", one)
        group = getattr(one, "group", act.group)
        if group != act.group:
            raise RegrepError(
                f"the latent carries a representation of {group.name}, but {act.group.name} acts on the data;"
                " use one group for both"
            )
    return count


def element(k: int | Tensor, like: Any) -> Tensor:
    """One element for every sample: an index as int64 [B], the images [degree] of one of a large group repeated."""
    like = tensor_in(like)
    if isinstance(k, Tensor):
        return k.to(like.device).expand(len(like), *k.shape)
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
