"""How far outputs for x, moved by g, are from the outputs for gx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from regrep.actions import Labels, TreeAction
from regrep.actions.trees import as_action, children, leaves, moved, rebuilt
from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.objectives.checks import check_choice, shapes
from regrep.objectives.functional import mean_square, wide
from regrep.representations import PermutationRepresentation
from regrep.unrounded import unrounded

OutputLoss = Literal["kl", "squared"] | Callable[[Any, Any], Tensor]
"""Name of a distance between outputs, or a function of (outputs of gx, moved outputs of x) that returns a scalar."""


def output_consistency(
    outputs: Any, outputs_g: Any, g: Tensor, output_action: Any = None, loss: OutputLoss | None = None
) -> Tensor:
    """How far a network's outputs are from equivariant on one batch, as a differentiable scalar.

    With a = rho_Y(g) f(x) and b = f(gx), both with gradients:

    * ``"kl"``: the symmetric divergence ½ (KL(p‖q) + KL(q‖p)) of p = softmax a and q = softmax b over dimension 1, mean
      over samples and over positions if there are any. For scores of classes.
    * ``"squared"``: mean |a - b|² over samples and coordinates. For regressions.

    Of a tree of outputs it is the mean over its floating-point tensors. Computed without autocast, in float32 for half
    types and in the outputs' own dtype otherwise.

    Args:
        outputs: [B, ...], f(x), or a tree of tensors.
        outputs_g: f(gx), likewise.
        g: int64 [B].
        output_action: how G acts on the outputs; None if they are invariant. For :class:`~regrep.actions.Labels` the
            scores of the classes, in dimension 1, move as the labels do.
        loss: ``"kl"``, ``"squared"``, or a function of (outputs of gx, moved outputs of x) that returns a scalar;
            ``"kl"`` by default, or ``"squared"`` with an output action.

    Raises:
        RegrepError: different shapes, an unknown loss, or ``"kl"`` of outputs that are no scores of several classes.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> scores = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    >>> output_consistency(scores, scores, torch.tensor([1, 2]))
    tensor(0.)
    >>> output_consistency(torch.eye(4), torch.eye(4), torch.arange(4), regrep.regular(G))
    tensor(0.3750)
    """
    output_action = as_action(output_action)
    check_output_loss("loss", loss)
    return symmetric(moved(on_scores(output_action), outputs, g), outputs_g, chosen(loss, output_action))


def symmetric(target: Any, outputs_g: Any, loss: OutputLoss) -> Tensor:
    """The distance of two outputs that both have a gradient; see :func:`output_consistency`."""
    return _mean(target, outputs_g, loss, symmetric_divergence)


def towards(target: Any, outputs_g: Any, loss: OutputLoss) -> Tensor:
    """The distance of outputs from targets without gradient: of divergences that of the outputs from the target."""
    return _mean(target, outputs_g, loss, divergence)


def divergence(target: Tensor, scores: Tensor) -> Tensor:
    """KL(softmax of the target ‖ softmax of the scores) over dimension 1, mean over all else."""
    p, q = target.log_softmax(dim=1), scores.log_softmax(dim=1)
    return (p.exp() * (p - q)).sum(dim=1).mean()


def symmetric_divergence(target: Tensor, scores: Tensor) -> Tensor:
    """½ (KL(p‖q) + KL(q‖p)) = ½ Σ (p - q) (log p - log q)."""
    p, q = target.log_softmax(dim=1), scores.log_softmax(dim=1)
    return ((p.exp() - q.exp()) * (p - q)).sum(dim=1).mean() / 2


def check_output_loss(what: str, loss: object) -> None:
    """Raise unless this is the name of a loss, a function, or None."""
    if loss is None or callable(loss):
        return
    if not isinstance(loss, str):
        raise RegrepError(
            f'{what} is "kl", "squared" or a function of (outputs of gx, moved outputs), got {shown(loss)}'
        )
    check_choice(what, loss, Literal["kl", "squared"])


def chosen(loss: OutputLoss | None, output_action: Any) -> OutputLoss:
    """The loss, or the default one."""
    if loss is not None:
        return loss
    return "kl" if output_action is None else "squared"


def on_scores(action: Any) -> Any:
    """How the outputs of a network move where this is how its targets do: the scores of classes as their labels."""
    if isinstance(action, Labels):
        return Scores(action.representation)
    return TreeAction(_each(action.actions)) if isinstance(action, TreeAction) else action


class Scores:
    """Scores [B, classes, ...] under a permutation of the classes."""

    def __init__(self, rho: PermutationRepresentation) -> None:
        self.group, self.rho = rho.group, rho

    def __call__(self, z: Tensor, g: Tensor) -> Tensor:
        """The representation on dimension 1."""
        return self.rho(z.movedim(1, -1), g).movedim(-1, 1)


def _each(actions: Any) -> Any:
    if actions is None or callable(actions):
        return on_scores(actions)
    return rebuilt(actions, {step: _each(part) for step, part in (children(actions) or {}).items()})


def _mean(target: Any, outputs_g: Any, loss: OutputLoss, divergence: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    for outputs in (target, outputs_g):
        for _, leaf in leaves(outputs):
            if isinstance(leaf, np.ndarray):
                raise RegrepError(f"outputs are tensors or trees of them, got {shown(leaf)}; see torch.from_numpy")
    if shapes(target) != shapes(outputs_g):
        raise RegrepError(
            f"outputs are compared with others of their shape, got {shapes(outputs_g)} and {shapes(target)}; return the"
            " same from the network, the teacher and the output action"
        )
    if callable(loss):
        return _scalar(loss(outputs_g, target))
    others = dict(leaves(target))
    found = []
    for path, leaf in leaves(outputs_g):
        if not (isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.dim()):
            continue
        first, second = wide(others[path]), wide(leaf)
        with unrounded(leaf.device):
            if loss == "squared":
                found.append(mean_square(second - first))
                continue
            if leaf.dim() < 2 or leaf.shape[1] < 2:
                raise RegrepError(
                    f'"kl" compares scores [B, classes, ...] of at least two classes, got {list(leaf.shape)}; use'
                    ' "squared" or a function'
                )
            found.append(divergence(first, second))
    if not found:
        raise RegrepError("outputs are compared by their floating-point tensors, got none; pass a function as the loss")
    return found[0] if len(found) == 1 else torch.stack(found).mean()


def _scalar(loss: Tensor) -> Tensor:
    if not isinstance(loss, Tensor) or loss.dim():
        got = list(loss.shape) if isinstance(loss, Tensor) else shown(loss)
        raise RegrepError(f"a loss between outputs returns a scalar tensor, got {got}; take its mean over the samples")
    return loss
