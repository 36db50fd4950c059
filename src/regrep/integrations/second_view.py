"""The penalty on layers of a network that somebody else runs on x: what the frameworks' adapters share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from regrep.actions import Action, sample
from regrep.errors import RegrepError
from regrep.objectives import OUTPUT, EquivariantObjective, equivariance_loss, latent_of
from regrep.objectives.checks import check_choice, check_latent, check_weight
from regrep.objectives.functional import LatentAction, Penalty
from regrep.objectives.terms import Compared


class PenaltyTerms(NamedTuple):
    """Means over the layers on one batch, each a scalar; differentiate only ``equivariance``.

    Attributes:
        equivariance: the penalty, without its weight.
        whitened_error: see :func:`~regrep.objectives.whitened_error`; 1 where the latent does not vary.
        moving_share: see :func:`~regrep.objectives.moving_share`; 0 where the latent does not vary.
    """

    equivariance: Tensor
    whitened_error: Tensor
    moving_share: Tensor

    def log(self, prefix: str = "") -> dict[str, Tensor]:
        """Detached values by name, ready for a logger."""
        return {prefix + name: value.detach() for name, value in self._asdict().items()}


class SecondView:
    """Compares what layers return for x, in a pass that the caller runs anyway, with what they return for gx.

    Args:
        act: how G acts on x.
        latents: representation of each layer by name, or one for the network's output.
        weight: weight of the penalty, >= 0.
        penalty: see :func:`regrep.equivariance_loss`.

    Raises:
        RegrepError: a negative weight, or an unknown penalty.

    >>> import regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> network, x = nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), torch.randn(6, 4, 4)
    >>> view = SecondView(act, {"1": regrep.latent(act.group, 8)}, 0.3, "mse")
    >>> view.check(network)
    >>> with view.watching(network) as first:
    ...     outputs = network(x)
    >>> g, gx = view.move(x)
    >>> with view.watching(network) as second:
    ...     _ = network(gx)
    >>> view.terms(first(), second(), g).equivariance.requires_grad
    True
    """

    def __init__(
        self, act: Action, latents: LatentAction | Mapping[str, LatentAction], weight: float, penalty: Penalty
    ) -> None:
        check_weight("weight", weight)
        check_choice("penalty", penalty, Penalty)
        self.act, self.weight, self.penalty = act, float(weight), penalty
        self.latents = dict(latents) if isinstance(latents, Mapping) else {OUTPUT: latents}

    def check(self, network: nn.Module) -> None:
        """Raise unless the network has all the layers, and one group acts everywhere."""
        EquivariantObjective(
            network, None, nn.functional.mse_loss, self.act, self.latents, weight=self.weight, penalty=self.penalty
        )

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[Callable[[], dict[str, tuple[Tensor, ...]]]]:
        """Gives a function that returns what each layer returned in the latest run of the network in this block.

        A layer that runs several times in one run of the network has several outputs.
        """
        with ExitStack() as stack:
            taps = {layer: stack.enter_context(latent_of(network, layer)) for layer in self.latents}
            yield lambda: {layer: tap.values for layer, tap in taps.items()}

    def move(self, x: Any) -> tuple[Tensor, Any]:
        """Random elements g, int64 [B], and gx."""
        leaves = [leaf for leaf in tree_leaves(x) if isinstance(leaf, Tensor)]
        if not leaves:
            raise RegrepError(
                f"the group acts on the first argument of the network, but that is a {type(x).__name__} without"
                " tensors; name the part of the model that is called with x"
            )
        g = sample(self.act.group, len(leaves[0]), device=leaves[0].device)
        return g, self.act(x, g)

    def terms(
        self, first: Mapping[str, Sequence[Tensor]], second: Mapping[str, Sequence[Tensor]], g: Tensor
    ) -> PenaltyTerms:
        """The penalty, and how equivariant the layers are: means over the layers, and over the runs of each.

        Args:
            first: latents of x by layer, one for each run of the layer.
            second: latents of gx by layer.
            g: int64 [B].

        Raises:
            RegrepError: a layer ran more often for one of the two.
        """
        found = []
        for layer, rho in self.latents.items():
            if len(first[layer]) != len(second[layer]):
                raise RegrepError(
                    f"layer {layer!r} must run equally often for x and for gx, but it ran {len(first[layer])} and"
                    f" {len(second[layer])} times; choose another layer, or one run of it, {layer + '#0'!r}"
                )
            runs = [self._terms(z, z_g, g, rho) for z, z_g in zip(first[layer], second[layer], strict=True)]
            found.append([torch.stack(parts).mean() for parts in zip(*runs, strict=True)])
        return PenaltyTerms(*(torch.stack(parts).mean() for parts in zip(*found, strict=True)))

    def _terms(self, z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction) -> tuple[Tensor, Tensor, Tensor]:
        z, z_g = check_latent(z, g), check_latent(z_g, g)
        compared = Compared(z.detach(), z_g.detach(), g, rho, self.act.group)
        penalty = equivariance_loss(z, z_g, g, rho, self.penalty)
        return penalty, compared.whitened_error(), compared.moving_share()
