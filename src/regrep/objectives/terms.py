"""The terms of section 5's objective on one batch, and the errors of the latents that it compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from regrep.deprecated import warn_renamed
from regrep.groups import FiniteGroup
from regrep.objectives.functional import LatentAction, move, whitened_pair, wide
from regrep.objectives.measures import error_of_whitened, moving_share, uncentred
from regrep.unrounded import unrounded


class Compared(NamedTuple):
    """The latents of one run of a layer that were compared, without gradient; their errors are computed when asked for.

    Attributes:
        z: [B, ...], latents of x.
        target: [B, ...], latents of gx.
        g: int64 [B].
        rho: the representation, whatever a control put in its place.
        group: its group.
        moved: [B, ...], rho(g) z, if the penalty needed it.
        pair: both whitened, if the penalty needed that.
    """

    z: Tensor
    target: Tensor
    g: Tensor
    rho: LatentAction
    group: FiniteGroup
    moved: Tensor | None = None
    pair: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def whitened_error(self) -> Tensor:
        """See :func:`~regrep.objectives.whitened_error`; 1 where the latent does not vary."""
        return error_between(self._moved(), wide(self.target), self.g, self.rho, self.pair)

    @torch.no_grad()
    def moving_share(self) -> Tensor:
        """See :func:`~regrep.objectives.moving_share`; 0 where the latent does not vary."""
        return moving_share(self.z, self.rho, self.group).nan_to_num(0.0)

    @torch.no_grad()
    def uncentred_error(self) -> Tensor:
        """‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖."""
        with unrounded(self.z.device):
            return uncentred(self._moved(), wide(self.target))

    def _moved(self) -> Tensor:
        return move(self.z, self.g, self.rho) if self.moved is None else self.moved


def error_between(
    moved: Tensor, target: Tensor, g: Tensor, rho: LatentAction, pair: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """The whitened error of w = rho(g) E(x) and v = E(gx), without gradient; 1 where the latent does not vary.

    Args:
        moved: [B, ...], w.
        target: [B, ...], v.
        g: int64 [B].
        rho: what was applied.
        pair: both whitened, if that is already known.
    """
    with torch.no_grad(), unrounded(moved.device):
        pair = whitened_pair(moved, target, rho) if pair is None else pair
        # Latents that do not vary get the error of unrelated ones: collapse is never a success.
        return error_of_whitened(*pair, g).nan_to_num(1.0)


class Terms(NamedTuple):
    """The terms of the objective on one batch, each a scalar; differentiate only ``total``.

    The errors ``whitened_error``, ``moving_share`` and ``uncentred_error`` cost about as much as the penalty; they are
    computed from the latents when they are read, and not in a step that does not read them.

    Attributes:
        total: the loss to minimise.
        task: task(D(E(x)), y).
        shifted_task: task(D(E(gx)), gy).
        equivariance: the penalty.
        latent_task: task(D(rho(g) E(x)), gy).
        compared: the latents of each run of each penalised layer.
        consistency: the distance of the outputs for x and gx; this and what follows is None without such a term.
        teacher: the distance of the outputs for gx from the teacher's.
        weight: the weight of the penalty in this step, where it follows a target.
        consistency_weight: that of the consistency, likewise.
    """

    total: Tensor
    task: Tensor
    shifted_task: Tensor
    equivariance: Tensor
    latent_task: Tensor
    compared: tuple[tuple[Compared, ...], ...] = ()
    consistency: Tensor | None = None
    teacher: Tensor | None = None
    weight: Tensor | None = None
    consistency_weight: Tensor | None = None

    @property
    def whitened_error(self) -> Tensor:
        """Mean over the layers of :func:`~regrep.objectives.whitened_error`; 1 where a latent does not vary.

        Under a control it is still measured with the true representation and the true elements.
        """
        return self._mean(Compared.whitened_error)

    @property
    def moving_share(self) -> Tensor:
        """Mean over the layers of :func:`~regrep.objectives.moving_share`; 0 where a latent does not vary."""
        return self._mean(Compared.moving_share)

    @property
    def uncentred_error(self) -> Tensor:
        """‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖, which a constant lowers; not logged."""
        return self._mean(Compared.uncentred_error)

    @property
    def relative_error(self) -> Tensor:
        """Old name of ``uncentred_error``."""
        warn_renamed("relative_error", "whitened_error, or uncentred_error for the same number")
        return self.uncentred_error

    def log(self, prefix: str = "", errors: bool = True) -> dict[str, Tensor]:
        """Detached values by name, ready for a logger, which read nothing from the device.

        Args:
            prefix: of the names.
            errors: also compute ``whitened_error`` and ``moving_share``.
        """
        found = {name: value.detach() for name, value in self._asdict().items() if isinstance(value, Tensor)}
        if errors:
            found |= {"whitened_error": self.whitened_error, "moving_share": self.moving_share}
        return {prefix + name: value for name, value in found.items()}

    def _mean(self, measure: Callable[[Compared], Tensor]) -> Tensor:
        if not self.compared:
            return self.total.new_zeros(())
        return torch.stack([torch.stack([measure(run) for run in runs]).mean() for runs in self.compared]).mean()
