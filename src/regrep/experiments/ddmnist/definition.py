"""What the command line needs to know of DDMNIST."""

from regrep.experiments.ddmnist.data import DoubleDigits as DATA
from regrep.experiments.ddmnist.model import DDMNIST as MODEL

EPOCHS = 50
"""Epochs of the original code; section 6.1 says that all other hyper-parameters match it."""

LINKS = [("data.group", "model.group"), ("data.classes", "model.classes"), ("seed_everything", "data.seed")]

DATA_CELL = {
    "source": "data",
    "batch_size": "batch_size",
    "train_pairs": "train_pairs",
    "validation_pairs": "validation_pairs",
    "test_pairs": "test_pairs",
    "second_noise": "second_noise",
    "as_published": "noise_as_published",
}

OPTIONS = {
    "data": "data.source",
    "group": "data.group",
    "classes": "data.classes",
    "batch_size": "data.batch_size",
    "train_pairs": "data.train_pairs",
    "validation_pairs": "data.validation_pairs",
    "test_pairs": "data.test_pairs",
    "second_noise": "data.second_noise",
    "noise_as_published": "data.as_published",
    "method": "model.method",
    "learning_rate": "model.learning_rate",
    "weight": "model.weight",
    "latent": "model.latent",
    "copies": "model.copies",
    "fraction": "model.fraction",
    "latent_augmentation": "model.latent_augmentation",
    "as_published": "model.as_published",
    "seed": "seed_everything",
    "epochs": "trainer.max_epochs",
    "precision": "trainer.precision",
    "patience": "patience",
}

__all__ = ["DATA", "DATA_CELL", "EPOCHS", "LINKS", "MODEL", "OPTIONS"]
