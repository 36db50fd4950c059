"""MedMNIST3D for the command line."""

from regrep_paper.data.volumes import MovedVolumes
from regrep_paper.experiments.definition import Definition
from regrep_paper.experiments.medmnist3d import MedMNIST3D

DEFINITIONS = {
    "medmnist3d": Definition(
        model=MedMNIST3D,
        data=MovedVolumes,
        epochs=150,
        data_config={
            "source": "data",
            "size": "size",
            "any_file": "any_file",
            "per_class": "per_class",
            "batch_size": "batch_size",
        },
        model_options=("method", "network", "learning_rate", "weight", "width", "copies", "fraction", "select"),
        links=(
            ("data.source", "model.source"),
            ("data.size", "model.size"),
            ("model.method", "data.method"),
            ("seed_everything", "data.seed"),
        ),
    )
}
