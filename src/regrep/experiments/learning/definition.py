"""The exploratory experiments for the command line."""

from regrep.experiments.cells import Definition
from regrep.experiments.learning.digits import TurnedDigits
from regrep.experiments.learning.glyphs import GlyphPairs
from regrep.experiments.learning.images import TurnedImages
from regrep.experiments.learning.model import CIFAR10, MNIST, TMNIST

EPOCHS = 90
"""At most; the published code stops after ten epochs without gain (the option ``patience``)."""

MODEL_OPTIONS = (
    "latent",
    "init",
    "noise",
    "algebra_weight",
    "output_weight",
    "latent_weight",
    "learning_rate",
    "frozen_encoder",
)

SEED = (("seed_everything", "data.seed"),)

PRECISION = "32-true"
"""The networks are small, and rounding would hide how well the relations hold."""

DEFINITIONS = {
    "tmnist": Definition(
        model=TMNIST,
        data=GlyphPairs,
        epochs=EPOCHS,
        data_cell={
            "font_a": "font_a",
            "font_b": "font_b",
            "batch_size": "batch_size",
            "train_samples": "train_samples",
            "validation_samples": "validation_samples",
            "test_samples": "test_samples",
            "identity": "identity",
        },
        model_options=MODEL_OPTIONS,
        links=SEED,
        precision=PRECISION,
        reads_files=False,
    ),
    "mnist": Definition(
        model=MNIST,
        data=TurnedDigits,
        epochs=EPOCHS,
        data_cell={
            "source": "data",
            "batch_size": "batch_size",
            "augment": "augment",
            "identity": "identity",
            "angle": "angle",
        },
        model_options=MODEL_OPTIONS,
        links=SEED,
        precision=PRECISION,
    ),
    "cifar10": Definition(
        model=CIFAR10,
        data=TurnedImages,
        epochs=EPOCHS,
        data_cell={"batch_size": "batch_size", "train_images": "train_images", "identity": "identity"},
        model_options=MODEL_OPTIONS,
        links=SEED,
        precision=PRECISION,
    ),
}
