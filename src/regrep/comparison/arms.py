"""The arms of a comparison: ways to use a symmetry, and controls that cost as much without using it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from regrep.arguments import check_flags, shown
from regrep.errors import RegrepError

REFERENCE = "augmented"
"""The arm that every other one is compared with."""

Weighted = Literal["weight", "consistency", "teacher_weight", "projection"]
"""What the grid of weights sets: an option of the objective, or the weight of the distance from projected weights."""

Teacher = Literal["mean", "averaged", "reference"]
"""Whose outputs are targets: a moving average of the network, the reference averaged over the group, the reference."""

TARGETS = MappingProxyType({"target_error": 0.3, "target_consistency": 0.05})
"""Targets of the arms whose weights follow an error instead of being chosen from the grid."""

SHARE = 0.1
"""Weight of the penalty that joins another term, as a share of that term's weight.

On the tasks whose results are recorded the grid gave consistency its largest weight, 3, and the whitened penalty its
smallest, 0.1. A tenth keeps both near what was chosen for each alone, and one grid, as long as that of any other arm,
goes through both.
"""


@dataclass(frozen=True)
class Arm:
    """A way to use the symmetry.

    Attributes:
        name: its name.
        text: one line on what it does.
        settings: options of :class:`~regrep.EquivariantObjective` that differ from their defaults.
        weighted: what the grid of weights sets; None for an arm without a weight.
        shares: further options that are a share of that weight.
        augmented: whether samples are moved by random elements; the objective is used only then.
        averages: whether outputs are averaged over the group at test time: those for gx, or with ``latent`` those of
            the head for rho(g) E(x). Such an arm has no training of its own.
        tests: the arm whose networks one that averages tests.
        teacher: whose outputs are targets for gx, or None.
        follows: whether its weight follows a target error; it then needs no grid.
        latent: whether it needs a representation on a latent.
        head: whether it needs a network with ``encoder`` and ``head``.
        controls: names of the arms that do the same without equivariance.
        control: whether it is such an arm.
        adds_to: the arm that does the same without one part, which this one is also compared with.
    """

    name: str
    text: str
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    weighted: Weighted | None = None
    shares: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    augmented: bool = True
    averages: bool = False
    tests: str = REFERENCE
    teacher: Teacher | None = None
    follows: bool = False
    latent: bool = False
    head: bool = False
    controls: tuple[str, ...] = ()
    control: bool = False
    adds_to: str | None = None

    def __post_init__(self) -> None:
        names = ("augmented", "averages", "follows", "latent", "head", "control")
        check_flags(**{name: getattr(self, name) for name in names})

    @property
    def trains(self) -> bool:
        """Whether it trains networks of its own."""
        return not self.averages

    @property
    def trained_as(self) -> str:
        """The arm whose networks it tests."""
        return self.tests if self.averages else self.name

    @property
    def needs_reference(self) -> bool:
        """Whether it begins when the networks of the reference are trained."""
        return (self.averages and self.tests == REFERENCE) or self.teacher in ("averaged", "reference")

    @property
    def projects(self) -> bool:
        """Whether it pulls weights towards equivariant ones."""
        return self.weighted == "projection"

    @property
    def plain_views(self) -> bool:
        """Whether its loss is that of the task alone, without the objective."""
        return not self.latent and self.weighted is None and self.teacher is None and not self.follows


def _arms(*arms: Arm) -> dict[str, Arm]:
    return {arm.name: arm for arm in arms}


_WHITENED = {"penalty": "whitened", "latent_augmentation": True}

ARMS: Mapping[str, Arm] = MappingProxyType(
    _arms(
        Arm("plain", "the network and its data as they are", augmented=False),
        Arm(REFERENCE, "two random views of each sample", {"weight": 0.0}),
        Arm(
            "penalty-mse",
            "the penalty of the paper on a latent",
            {"penalty": "mse"},
            weighted="weight",
            latent=True,
            controls=("mse-permuted",),
        ),
        Arm(
            "penalty-whitened",
            "the whitened penalty on a latent, and a head trained on moved latents",
            _WHITENED,
            weighted="weight",
            latent=True,
            head=True,
            controls=("permuted", "shuffled", "latent-augmentation"),
        ),
        Arm(
            "penalty-target",
            "penalty-whitened with a weight that follows a target error",
            {**_WHITENED, "weight": 0.3, "target_error": TARGETS["target_error"]},
            follows=True,
            latent=True,
            head=True,
            controls=("permuted", "shuffled", "latent-augmentation"),
        ),
        Arm(
            "consistency",
            "equal outputs for both views",
            {"weight": 0.0},
            weighted="consistency",
            controls=("same-view",),
        ),
        Arm(
            "consistency-whitened",
            "consistency together with penalty-whitened, at a tenth of its weight",
            _WHITENED,
            weighted="consistency",
            shares=MappingProxyType({"weight": SHARE}),
            latent=True,
            head=True,
            controls=("consistency-permuted",),
            adds_to="consistency",
        ),
        Arm(
            "consistency-target",
            "consistency with a weight that follows a target",
            {"weight": 0.0, "target_consistency": TARGETS["target_consistency"]},
            follows=True,
            controls=("same-view",),
        ),
        Arm(
            "mean-teacher",
            "in the second half of training, targets from a moving average of the network on another view",
            {"weight": 0.0, "teacher_view": "other"},
            weighted="teacher_weight",
            teacher="mean",
            controls=("same-view",),
        ),
        Arm("averaged", "the augmented network, averaged over the group at test time", averages=True),
        Arm(
            "latent-averaged",
            "the network of penalty-whitened, its head averaged over moved latents at test time",
            averages=True,
            tests="penalty-whitened",
            latent=True,
            head=True,
            controls=("permuted", "shuffled", "latent-augmentation"),
            adds_to="penalty-whitened",
        ),
        Arm(
            "distilled",
            "targets from the averaged network",
            {"weight": 0.0, "teacher_view": "own"},
            weighted="teacher_weight",
            teacher="averaged",
            controls=("self-distilled",),
        ),
        Arm(
            "projected",
            "weights pulled towards equivariant ones, layer by layer",
            weighted="projection",
            controls=("projected-shuffled",),
        ),
        Arm(
            "mse-permuted",
            "penalty-mse with random permutations in place of the representation",
            {"penalty": "mse", "control": "permuted"},
            weighted="weight",
            latent=True,
            control=True,
        ),
        Arm(
            "permuted",
            "penalty-whitened with random permutations in place of the representation",
            {**_WHITENED, "control": "permuted"},
            weighted="weight",
            latent=True,
            head=True,
            control=True,
        ),
        Arm(
            "shuffled",
            "penalty-whitened with the elements of other samples",
            {**_WHITENED, "control": "shuffled"},
            weighted="weight",
            latent=True,
            head=True,
            control=True,
        ),
        Arm(
            "latent-augmentation",
            "a head trained on moved latents, without a penalty",
            {"weight": 0.0, "latent_augmentation": True},
            latent=True,
            head=True,
            control=True,
        ),
        Arm(
            "consistency-permuted",
            "consistency-whitened with random permutations in place of the representation",
            {**_WHITENED, "control": "permuted"},
            weighted="consistency",
            shares=MappingProxyType({"weight": SHARE}),
            latent=True,
            head=True,
            control=True,
        ),
        Arm(
            "same-view",
            "mean-teacher with teacher and network at the same view",
            {"weight": 0.0, "teacher_view": "same"},
            weighted="teacher_weight",
            teacher="mean",
            control=True,
        ),
        Arm(
            "self-distilled",
            "targets from the augmented network at the same view",
            {"weight": 0.0, "teacher_view": "same"},
            weighted="teacher_weight",
            teacher="reference",
            control=True,
        ),
        Arm(
            "projected-shuffled",
            "projected, with the weights of each layer in a random order",
            weighted="projection",
            control=True,
        ),
    )
)
"""Every arm by name."""


def arms_named(names: Sequence[str] | str | None) -> list[Arm]:
    """The arms of these names and what they need: the reference, the arm that one adds to, and the controls of each.

    An arm that averages the networks of another one needs that, which is also the one that it adds to.

    Args:
        names: in any order; None for all.

    Raises:
        RegrepError: an unknown name.

    >>> [arm.name for arm in arms_named(["averaged"])]
    ['augmented', 'averaged']
    >>> arms_named(["avergaed"])
    Traceback (most recent call last):
    regrep.errors.RegrepError: there is no arm 'avergaed'; did you mean averaged?
    """
    if names is None:
        return list(ARMS.values())
    wanted = [names] if isinstance(names, str) else names
    if not isinstance(wanted, list | tuple) or not wanted:
        raise RegrepError(f"arms is a list of names, got {shown(names)}; choose from {', '.join(ARMS)}")
    for name in wanted:
        if not isinstance(name, str) or name not in ARMS:
            close = difflib.get_close_matches(str(name), ARMS, n=1, cutoff=0.6)
            repair = f"did you mean {close[0]}?" if close else f"choose from {', '.join(ARMS)}"
            raise RegrepError(f"there is no arm {shown(name)}; {repair}")
    needed, open_names = {REFERENCE}, list(wanted)
    while open_names:
        arm = ARMS[open_names.pop()]
        needed.add(arm.name)
        open_names += [*arm.controls, *([] if arm.adds_to is None else [arm.adds_to])]
    return [arm for name, arm in ARMS.items() if name in needed]


def grid_of(arm: Arm, weights: Sequence[float]) -> tuple[float | None, ...]:
    """The weights that an arm is trained with; (None,) for one without a weight."""
    return (None,) if arm.weighted is None else tuple(weights)
