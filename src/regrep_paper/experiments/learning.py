"""The three exploratory experiments as Lightning modules, with the settings of Table 7."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from torch import nn

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, cyclic, dihedral
from regrep.objectives import RepresentationObjective
from regrep.representations import LearnedRepresentation
from regrep_paper.networks.autoencoders import DigitAutoencoder, GlyphAutoencoder, ImageClassifier
from regrep_paper.training.learned_module import RepresentationModule


@dataclass(frozen=True)
class Settings:
    """A row of Table 7, and how its representation starts."""

    latent: int
    init: str
    algebra_weight: float
    output_weight: float
    latent_weight: float
    learning_rate: float = 0.003


class LearnedLatent(RepresentationModule, ABC):
    """One exploratory experiment; a subclass says which, and what is not given comes from its row of Table 7.

    Args:
        latent: dimension of the latent.
        init: start of the representation, as :class:`~regrep.LearnedRepresentation` takes it.
        noise: of the start ``orthogonal+noise``.
        algebra_weight: of A(rho).
        output_weight: of the decoder's equivariance.
        latent_weight: of the encoder's equivariance.
        learning_rate: of Adam.
        frozen_encoder: leave the encoder as it was drawn; a control.
    """

    experiment: ClassVar[str]
    settings: ClassVar[Settings]
    network_class: ClassVar[type[GlyphAutoencoder | DigitAutoencoder | ImageClassifier]]
    relator_weights: ClassVar[Mapping[str, float] | None] = None
    regulariser: ClassVar[float] = 1.0

    def __init__(
        self,
        latent: int | None = None,
        init: str | None = None,
        noise: float = 0.3,
        algebra_weight: float | None = None,
        output_weight: float | None = None,
        latent_weight: float | None = None,
        learning_rate: float | None = None,
        frozen_encoder: bool = False,
    ) -> None:
        given: dict[str, Any] = {
            "latent": latent,
            "init": init,
            "algebra_weight": algebra_weight,
            "output_weight": output_weight,
            "latent_weight": latent_weight,
            "learning_rate": learning_rate,
        }
        used = replace(self.settings, **{name: value for name, value in given.items() if value is not None})
        if used.latent < 1:
            raise RegrepError(f"the latent has dimension at least 1, got {used.latent}; choose latent >= 1")
        network = self.network_class(used.latent)
        learned = LearnedRepresentation(
            self.group(), used.latent, used.init, noise, self.relator_weights, self.regulariser
        )
        network.encoder.requires_grad_(not frozen_encoder)
        objective = RepresentationObjective(
            network.encoder,
            network.head,
            nn.functional.cross_entropy if self.classifies else nn.functional.mse_loss,
            input_action=None,
            latent=learned,
            algebra_weight=used.algebra_weight,
            output_weight=used.output_weight,
            latent_weight=used.latent_weight,
        )
        config = {
            "experiment": self.experiment,
            "group": self.group().name,
            "method": "learned",
            **asdict(used),
            "noise": noise,
            "frozen_encoder": frozen_encoder,
        }
        super().__init__(network, used.learning_rate, objective, config)

    @classmethod
    @abstractmethod
    def group(cls) -> FiniteGroup:
        """The group that acts."""


class TMNIST(LearnedLatent):
    """Auto-encoder of glyphs; C2 swaps the font (section 4.1, appendix B.1, Eq. (6))."""

    experiment = "tmnist"
    settings = Settings(42, "uniform", algebra_weight=1.0, output_weight=0.025, latent_weight=0.475)
    network_class = GlyphAutoencoder

    @classmethod
    def group(cls) -> FiniteGroup:
        """C2."""
        return cyclic(2)


class MNIST(LearnedLatent):
    """Auto-encoder of digits; D3 turns by 120 degrees and mirrors (section 4.2, appendix B.2, Eqs. (4) and (7)).

    The mixed relation weighs a tenth of the sum of the two powers, and no inverse regularises.
    """

    experiment = "mnist"
    settings = Settings(30, "orthogonal", algebra_weight=0.5, output_weight=0.495, latent_weight=0.005)
    network_class = DigitAutoencoder
    relator_weights: ClassVar[Mapping[str, float]] = {"r^3": 0.5, "s^2": 0.5, "(r s)^2": 0.1}
    regulariser = 0.0

    @classmethod
    def group(cls) -> FiniteGroup:
        """D3."""
        return dihedral(3)


class CIFAR10(LearnedLatent):
    """Classifier of images; C4 turns them (section 4.3, appendix B.3, Eq. (8))."""

    experiment = "cifar10"
    settings = Settings(64, "orthogonal+noise", algebra_weight=1.0, output_weight=0.25, latent_weight=0.25)
    network_class = ImageClassifier
    classifies = True

    @classmethod
    def group(cls) -> FiniteGroup:
        """C4."""
        return cyclic(4)
