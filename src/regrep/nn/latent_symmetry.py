"""The symmetry that the latent of a network has by construction."""

from __future__ import annotations

from dataclasses import dataclass

from regrep.actions import Action
from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.objectives.functional import LatentAction


@dataclass(frozen=True)
class LatentSymmetry:
    """A group on the inputs of an encoder E and on its latent: ``E(g x) = rho(g) E(x)``.

    Attributes:
        action: action of the group on the inputs.
        rho: representation or action of the same group on the latent.
        moved: what the action transforms, in words, if its name does not say it.

    Raises:
        RegrepError: rho belongs to a different group.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> LatentSymmetry(regrep.actions.RotateFlip2d(G), regrep.trivial(G, 8), "the whole picture").as_dict()
    {'action': 'RotateFlip2d(C4) on the whole picture', 'representation': '8 trivial'}
    """

    action: Action
    rho: LatentAction
    moved: str = ""

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.action, "group", None), FiniteGroup):
            raise RegrepError(f"an action has a group, got {shown(self.action)}; see regrep.actions")
        own = getattr(self.rho, "group", self.action.group)
        if own != self.action.group:
            raise RegrepError(
                f"one group acts on inputs and latent, got {self.action.group.name} and {own.name};"
                " use a representation of the group that acts on the inputs"
            )

    def as_dict(self) -> dict[str, str]:
        """Action and representation as text, for the record of a run."""
        on = f" on {self.moved}" if self.moved else ""
        return {"action": f"{self.action!r}{on}", "representation": str(getattr(self.rho, "name", self.rho))}
