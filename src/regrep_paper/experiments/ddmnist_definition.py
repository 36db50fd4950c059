"""DDMNIST for the command line."""

from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.experiments.definition import Definition

DEFINITIONS = {
    "ddmnist": Definition(
        model=DDMNIST,
        data=DoubleDigits,
        epochs=50,  # of the original code; section 6.1 says that all other hyper-parameters match it
        data_config={
            "source": "data",
            "group": "group",
            "classes": "classes",
            "batch_size": "batch_size",
            "train_pairs": "train_pairs",
            "validation_pairs": "validation_pairs",
            "test_pairs": "test_pairs",
            "second_noise": "second_noise",
            "as_published": "noise_as_published",
        },
        model_options=(
            "method",
            "network",
            "learning_rate",
            "weight",
            "latent",
            "copies",
            "fraction",
            "latent_augmentation",
            "as_published",
        ),
        links=(("data.group", "model.group"), ("data.classes", "model.classes"), ("seed_everything", "data.seed")),
    )
}
