"""The exploratory experiments for the command line."""

from regrep_paper.data.glyphs import GlyphPairs
from regrep_paper.data.turned_digits import TurnedDigits
from regrep_paper.data.turned_images import TurnedImages
from regrep_paper.experiments.definition import Definition
from regrep_paper.experiments.learning import CIFAR10, MNIST, TMNIST

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


def _definition(model: type, data: type, *data_config: str, reads_files: bool = True, **renamed: str) -> Definition:
    """A config of section 4; arguments of the data keep their names in the config unless renamed."""
    return Definition(
        model=model,
        data=data,
        epochs=EPOCHS,
        data_config={**renamed, **{name: name for name in data_config}},
        model_options=MODEL_OPTIONS,
        links=SEED,
        precision=PRECISION,
        reads_files=reads_files,
    )


DEFINITIONS = {
    "tmnist": _definition(
        TMNIST,
        GlyphPairs,
        *("font_a", "font_b", "batch_size", "train_samples", "validation_samples", "test_samples", "identity"),
        reads_files=False,
    ),
    "mnist": _definition(MNIST, TurnedDigits, "batch_size", "augment", "identity", "angle", source="data"),
    "cifar10": _definition(CIFAR10, TurnedImages, "batch_size", "train_images", "identity"),
}
