"""Terms between two views of a network that somebody else runs on x: what the frameworks' adapters share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from regrep.actions import Action, sample
from regrep.errors import RegrepError
from regrep.objectives import OUTPUT, EquivariantObjective, equivariance_loss, latent_of, output_consistency
from regrep.objectives.checks import check_choice, check_latent, check_weight
from regrep.objectives.functional import LatentAction, Penalty
from regrep.objectives.output_losses import OutputLoss, check_output_loss
from regrep.objectives.terms import Compared


class PenaltyTerms(NamedTuple):
    """Means over the layers on one batch, each a scalar; differentiate only ``equivariance``.

    Attributes:
        equivariance: the penalty, without its weight.
        whitened_error: see :func:`~regrep.objectives.whitened_error`; 1 where the latent does not vary.
        moving_share: see :func:`~regrep.objectives.moving_share`; 0 where the latent does not vary.
        consistency: the distance of the outputs for x and gx, likewise without its weight; None without that term.
    """

    equivariance: Tensor
    whitened_error: Tensor
    moving_share: Tensor
    consistency: Tensor | None = None

    def log(self, prefix: str = "") -> dict[str, Tensor]:
        """Detached values by name, ready for a logger."""
        return {prefix + name: value.detach() for name, value in self._asdict().items() if value is not None}

    def detached(self) -> PenaltyTerms:
        """The same without gradients."""
        return PenaltyTerms(**self.log())


class Ran(NamedTuple):
    """What a run of the network returned.

    Attributes:
        latents: by layer, one for each run of it.
        outputs: a tree of tensors [B, ...]; None where they are not compared.
    """

    latents: Mapping[str, Sequence[Tensor]]
    outputs: Any


class SecondView:
    """Compares what layers return for x, in a pass that the caller runs anyway, with what they return for gx.

    With ``consistency`` also the outputs.

    Args:
        act: how G acts on x.
        latents: representation of each layer by name, or one for the network's output.
        weight: weight of the penalty, >= 0.
        penalty: see :func:`regrep.equivariance_loss`.
        consistency: weight of the distance between the outputs, >= 0; with 0 it is not computed.
        consistency_loss: see :func:`regrep.output_consistency`.
        output_action: how G acts on the outputs; None if they are invariant.
        read: what the network returns -> the outputs that are compared; all of it by default.

    Raises:
        RegrepError: a negative weight, or an unknown penalty or loss.

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
        self,
        act: Action,
        latents: LatentAction | Mapping[str, LatentAction],
        weight: float,
        penalty: Penalty,
        *,
        consistency: float = 0.0,
        consistency_loss: OutputLoss | None = None,
        output_action: Any = None,
        read: Callable[[Any], Any] | None = None,
    ) -> None:
        check_weight("weight", weight)
        check_weight("consistency", consistency)
        check_choice("penalty", penalty, Penalty)
        check_output_loss("consistency_loss", consistency_loss)
        self.act, self.weight, self.penalty = act, float(weight), penalty
        self.consistency, self.consistency_loss = float(consistency), consistency_loss
        self.output_action, self.read = output_action, read
        self.latents = dict(latents) if isinstance(latents, Mapping) else {OUTPUT: latents}

    def check(self, network: nn.Module) -> None:
        """Raise unless the network has all the layers, and one group acts everywhere."""
        settings: dict[str, Any] = {"weight": self.weight, "penalty": self.penalty, "output_action": self.output_action}
        EquivariantObjective(network, None, nn.functional.mse_loss, self.act, self.latents, **settings)

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[Callable[[], Ran]]:
        """Gives a function that returns what the latest run of the network in this block returned.

        A layer that runs several times in one run of the network has several latents.
        """
        outputs: list[Any] = []
        with ExitStack() as stack:
            taps = {layer: stack.enter_context(latent_of(network, layer)) for layer in self.latents}
            if self.consistency > 0:
                keep = lambda module, inputs, returned: outputs.append(returned)  # noqa: E731
                stack.callback(network.register_forward_hook(keep).remove)
            yield lambda: Ran({layer: tap.values for layer, tap in taps.items()}, self._outputs(outputs))

    def _outputs(self, returned: list[Any]) -> Any:
        if not returned:
            return None
        return returned[-1] if self.read is None else self.read(returned[-1])

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

    def terms(self, first: Ran, second: Ran, g: Tensor) -> PenaltyTerms:
        """The penalty, and how equivariant the layers are: means over the layers, and over the runs of each.

        Args:
            first: what the network returned for x.
            second: what it returned for gx.
            g: int64 [B].

        Raises:
            RegrepError: a layer ran more often for one of the two.
        """
        found = []
        for layer, rho in self.latents.items():
            ones, others = first.latents[layer], second.latents[layer]
            if len(ones) != len(others):
                raise RegrepError(
                    f"layer {layer!r} must run equally often for x and for gx, but it ran {len(ones)} and"
                    f" {len(others)} times; choose another layer, or one run of it, {layer + '#0'!r}"
                )
            runs = [self._terms(z, z_g, g, rho) for z, z_g in zip(ones, others, strict=True)]
            found.append([torch.stack(parts).mean() for parts in zip(*runs, strict=True)])
        consistency = None
        if self.consistency > 0:
            consistency = output_consistency(
                first.outputs, second.outputs, g, self.output_action, self.consistency_loss
            )
        penalty, error, share = (torch.stack(parts).mean() for parts in zip(*found, strict=True))
        return PenaltyTerms(penalty, error, share, consistency)

    def loss(self, terms: PenaltyTerms) -> Tensor | None:
        """What is added to the loss on x: the terms with their weights; None if all are 0."""
        weighted = [
            weight * term
            for weight, term in ((self.weight, terms.equivariance), (self.consistency, terms.consistency))
            if weight > 0 and term is not None
        ]
        return sum(weighted[1:], weighted[0]) if weighted else None

    def _terms(self, z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction) -> tuple[Tensor, Tensor, Tensor]:
        z, z_g = check_latent(z, g), check_latent(z_g, g)
        compared = Compared(z.detach(), z_g.detach(), g, rho, self.act.group)
        penalty = equivariance_loss(z, z_g, g, rho, self.penalty)
        return penalty, compared.whitened_error(), compared.moving_share()
