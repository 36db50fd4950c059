"""The terms of section 5's objective on one batch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from regrep.deprecated import warn_renamed


class Terms(NamedTuple):
    """The terms of the objective on one batch, each a scalar; differentiate only ``total``.

    Attributes:
        total: the loss to minimise.
        task: task(D(E(x)), y).
        shifted_task: task(D(E(gx)), gy).
        equivariance: the penalty.
        whitened_error: see :func:`~regrep.objectives.whitened_error`; 1 where the latent does not vary. Under a
            control it is still measured with the true representation and the true elements.
        moving_share: see :func:`~regrep.objectives.moving_share`; 0 where the latent does not vary.
        latent_task: task(D(rho(g) E(x)), gy).
        uncentred_error: ‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖, which a constant lowers; not logged.
    """

    total: Tensor
    task: Tensor
    shifted_task: Tensor
    equivariance: Tensor
    whitened_error: Tensor
    moving_share: Tensor
    latent_task: Tensor
    uncentred_error: Tensor

    @property
    def relative_error(self) -> Tensor:
        """Old name of ``uncentred_error``."""
        warn_renamed("relative_error", "whitened_error, or uncentred_error for the same number")
        return self.uncentred_error

    def log(self, prefix: str = "") -> dict[str, Tensor]:
        """Detached values by name, ready for a logger."""
        return {prefix + name: value.detach() for name, value in self._asdict().items() if name != "uncentred_error"}
