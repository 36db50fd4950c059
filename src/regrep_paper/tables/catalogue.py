"""Every network that stands in a table, at the size that the paper's columns of parameters belong to."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

PLAIN = "cnn"
"""The network without any symmetry, on which the paper's method is shown."""

WITHOUT, INVARIANT, EQUIVARIANT = "none", "invariant", "equivariant"
LEARNED = "until its likelihood learns otherwise"


@dataclass(frozen=True)
class Entry:
    """A network of a table.

    Attributes:
        experiment: whose configs it is a choice of.
        network: its name there, the setting ``network``.
        group: that it is built for; of the plain networks the one that acts on the data.
        latent: shape of one sample's latent.
        parameters: that are trained, without those of ``redundant``.
        symmetry: what it has before training.
        redundant: further parameters that the published code counts and that add no function: dependent elements of a
            kernel basis (section 1.3), normalisations that nothing applies.
        steerable: whether it needs the extra ``[baselines]``.
    """

    experiment: str
    network: str
    group: str
    latent: tuple[int, ...]
    parameters: int
    symmetry: str = WITHOUT
    redundant: int = 0
    steerable: bool = True

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return not self.steerable or find_spec("escnn") is not None

    def sizes(self) -> dict[str, Any]:
        """What the builders of the experiment take, in their order."""
        if self.experiment == "ddmnist":
            return {"group": self.group, "latent": self.latent[0], "classes": 100}
        if self.experiment == "medmnist3d":
            return {"classes": 2, "width": 6, "size": 28}
        return {"width": 92, "frames": 10, "size": 64}


def entries(experiment: str | None = None) -> list[Entry]:
    """All networks, or those of one experiment, in the order of the tables.

    >>> list(dict.fromkeys(entry.experiment for entry in entries()))
    ['ddmnist', 'medmnist3d', 'smoke']
    """
    return [entry for entry in ENTRIES if experiment in (None, entry.experiment)]


def _digits(network: str, symmetry: str, parameters: str, redundant: str = "0 0 0") -> list[Entry]:
    """The three groups of Table 4, whose column of parameters belongs to 48 channels."""
    counts = zip(("C4", "D1", "D4"), parameters.split(), redundant.split(), strict=True)
    return [Entry("ddmnist", network, group, (48,), int(n), symmetry, int(more)) for group, n, more in counts]


def named(network: str, as_published: bool = False) -> dict[str, Any]:
    """What a config says of its network: nothing of the plain one, so that its records stay those of older runs.

    >>> named("scnn"), named("cnn"), named("lift", as_published=True)
    ({'network': 'scnn'}, {}, {'network': 'lift', 'network_as_published': True})
    """
    return {
        **({} if network == PLAIN else {"network": network}),
        **({"network_as_published": True} if as_published else {}),
    }


ENTRIES: tuple[Entry, ...] = (
    *(Entry("ddmnist", "cnn", group, (66,), 33_742, steerable=False) for group in ("C4", "D1", "D4")),
    *_digits("scnn", INVARIANT, "116632 28132 145636"),
    *_digits("restriction", "equivariant up to the fourth block", "124192 33316 169828"),
    *_digits("rpp", WITHOUT, "793696 78340 1733404"),
    *_digits("pscnn", f"{INVARIANT} {LEARNED}", "447496 38596 1040332", "61920 0 185760"),
    *(Entry("ddmnist", "projection", group, (66,), 33_742, steerable=False) for group in ("C4", "D1", "D4")),
    Entry("medmnist3d", "cnn", "O", (48,), 141_998, steerable=False),
    Entry("medmnist3d", "scnn-so3", "SO(3)", (48,), 128_450, INVARIANT),
    Entry("medmnist3d", "rpp-so3", "SO(3)", (48,), 18_263_786),
    Entry("medmnist3d", "pscnn-so3", "SO(3)", (48,), 1_593_635, f"{INVARIANT} {LEARNED}", 2_572_704),
    Entry("medmnist3d", "scnn-o3", "O(3)", (48,), 192_800, INVARIANT),
    Entry("medmnist3d", "rpp-o3", "O(3)", (48,), 29_292_200),
    Entry("medmnist3d", "pscnn-o3", "O(3)", (48,), 3_511_682, f"{INVARIANT} {LEARNED}"),
    Entry("medmnist3d", "projection", "O", (48,), 141_998, steerable=False),
    Entry("smoke", "cnn", "C4", (92, 64, 64), 247_850, steerable=False),
    Entry("smoke", "mlp", "C4", (92,), 8_324_992, steerable=False),
    Entry("smoke", "e2cnn", "C4", (368, 64, 64), 622_656, EQUIVARIANT),
    Entry("smoke", "rpp", "C4", (368, 64, 64), 4_355_650, redundant=4),
    Entry("smoke", "lift", "C4", (368, 64, 64), 8_227_652),
    Entry("smoke", "rgroup", "C4", (368, 64, 64), 1_874_632, "equivariant, vectors taken for scalars", steerable=False),
    Entry("smoke", "rsteer", "C4", (368, 64, 64), 5_595_442, redundant=736),
    Entry("smoke", "pscnn", "C4", (368, 64, 64), 2_487_332, f"{EQUIVARIANT} {LEARNED}", 633_696, steerable=False),
    Entry("smoke", "projection", "C4", (92, 64, 64), 247_850, steerable=False),
)
