"""SMOKE for the command line."""

from regrep_paper.data.smoke_windows import Smoke
from regrep_paper.experiments.definition import Definition
from regrep_paper.experiments.smoke import SmokeForecast

DEFINITIONS = {
    "smoke": Definition(
        model=SmokeForecast,
        data=Smoke,
        epochs=100,  # the published code stops between 100 and 1000; after 100 the rate has fallen to 0.6 %
        data_config={
            "size": "size",
            "batch_size": "batch_size",
            "rollout": "rollout",
            "horizon": "horizon",
            "sampling": "sampling",
            "as_published": "splits_as_published",
        },
        model_options=(
            "method",
            "network",
            "network_as_published",
            "learning_rate",
            "weight",
            "layout",
            "width",
            "fraction",
            "latent_augmentation",
            "weight_decay",
            "decay",
        ),
        links=(("data.size", "model.size"), ("seed_everything", "data.seed")),
    )
}
