"""The three exploratory experiments as Lightning modules, with the settings of Table 7."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import nn

from regrep.errors import RegrepError
from regrep.groups import parse
from regrep.objectives import RepresentationObjective
from regrep.representations import LearnedRepresentation
from regrep_paper.networks.autoencoders import DigitAutoencoder, GlyphAutoencoder, ImageClassifier
from regrep_paper.tables import exploration
from regrep_paper.tables.definition import Definition
from regrep_paper.training.learned_module import RepresentationModule


class LearnedLatent(RepresentationModule):
    """One exploratory experiment; a subclass specifies which, and defaults come from its row of Table 7.

    Args:
        latent: dimension of the latent.
        init: initialisation of the representation, as in :class:`~regrep.LearnedRepresentation`.
        noise: standard deviation of the noise of ``orthogonal+noise``.
        algebra_weight: weight of A(rho).
        output_weight: weight of the decoder's equivariance.
        latent_weight: weight of the encoder's equivariance.
        learning_rate: learning rate of Adam.
        frozen_encoder: keep the encoder at its initial weights; a control.
    """

    definition: ClassVar[Definition]
    network_class: ClassVar[type[GlyphAutoencoder | DigitAutoencoder | ImageClassifier]]
    relator_weights: ClassVar[Mapping[str, float] | None] = None
    regularizer: ClassVar[float] = 1.0

    def __init__(
        self,
        latent: int | None = None,
        init: str | None = None,
        noise: float | None = None,
        algebra_weight: float | None = None,
        output_weight: float | None = None,
        latent_weight: float | None = None,
        learning_rate: float | None = None,
        frozen_encoder: bool = False,
    ) -> None:
        config = self.definition.configured(
            latent=latent,
            init=init,
            noise=noise,
            algebra_weight=algebra_weight,
            output_weight=output_weight,
            latent_weight=latent_weight,
            learning_rate=learning_rate,
            frozen_encoder=frozen_encoder,
        )
        dimension = config["latent"]
        if dimension < 1:
            raise RegrepError(f"the latent has dimension at least 1, got {dimension}; choose latent >= 1")
        network = self.network_class(dimension)
        learned = LearnedRepresentation(
            *(parse(config["group"]), dimension, config["init"], config["noise"]),
            *(self.relator_weights, self.regularizer),
        )
        network.encoder.requires_grad_(not frozen_encoder)
        objective = RepresentationObjective(
            network.encoder,
            network.head,
            nn.functional.cross_entropy if self.classifies else nn.functional.mse_loss,
            input_action=None,
            latent=learned,
            algebra_weight=config["algebra_weight"],
            output_weight=config["output_weight"],
            latent_weight=config["latent_weight"],
        )
        super().__init__(network, config["learning_rate"], objective, config)


class TMNIST(LearnedLatent):
    """Auto-encoder of glyphs; C2 swaps the font (section 4.1, appendix B.1, Eq. (6))."""

    definition = exploration.TMNIST
    network_class = GlyphAutoencoder


class MNIST(LearnedLatent):
    """Auto-encoder of digits; D3 rotates by 120 degrees and mirrors (section 4.2, appendix B.2, Eqs. (4) and (7)).

    The mixed relation has a tenth of the weight of the two powers together, and there is no inverse regularizer.
    """

    definition = exploration.MNIST
    network_class = DigitAutoencoder
    relator_weights: ClassVar[Mapping[str, float]] = {"r^3": 0.5, "s^2": 0.5, "(r s)^2": 0.1}
    regularizer = 0.0


class CIFAR10(LearnedLatent):
    """Classifier of images, which C4 rotates (section 4.3, appendix B.3, Eq. (8))."""

    definition = exploration.CIFAR10
    network_class = ImageClassifier
    classifies = True
