"""What is measured of the latent of a trained network, as one record and one text."""

from __future__ import annotations

from dataclasses import dataclass

from regrep.diagnostics import EquivarianceError, Profile, ThroughRho


@dataclass(frozen=True, eq=False)
class Measurement:
    """The equivariance of a latent by element and by irreducible, and of what the head makes of it.

    Attributes:
        error: errors per element.
        through_rho: accuracy of head(rho(g) E(x)); None where there is no head for labels that the group leaves alone.
        profile: share, error and offset of each irreducible; None for a wide latent, such as a map of vectors.
    """

    error: EquivarianceError
    through_rho: ThroughRho | None
    profile: Profile | None

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record: those of the errors, and the other two by name."""
        return {
            **self.error.as_dict(),
            "through_rho": None if self.through_rho is None else self.through_rho.as_dict(),
            "profile": None if self.profile is None else self.profile.as_dict(),
        }

    def __str__(self) -> str:
        parts = [str(self.error)]
        if self.through_rho is not None:
            parts.append(f"accuracy through rho, of head(rho(g) E(x))\n{self.through_rho}")
        if self.profile is not None:
            parts.append(f"by irreducible, errors as means over the elements but e\n{self.profile}")
        return "\n\n".join(parts)
