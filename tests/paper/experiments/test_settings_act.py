"""Every setting of a model acts: changing it alone changes the network, the gradient of a step, or the optimizer."""

import inspect

import pytest
import torch

from regrep.objectives import OUTPUT
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.experiments.medmnist3d import MedMNIST3D
from regrep_paper.experiments.single_digits import SingleDigits
from regrep_paper.experiments.smoke import SmokeForecast

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")

STEP = {"learning_rate": 0.1, "weight": 7.0, "fraction": 0.5}
CASES = {
    DDMNIST: (
        {"group": "D1", "classes": 2},
        {
            **STEP, "group": "C4", "method": "cnn", "latent": 70, "copies": 1, "latent_augmentation": True,
            "as_published": True, "one_sided": True, "classes": 3, "network": "projection", "protocol": "published",
            "schedule": "constant",
        },
    ),
    MedMNIST3D: (
        {"size": 8, "width": 6},
        {
            **STEP, "source": "organ", "method": "cnn", "width": 7, "copies": 1, "select": "upright", "size": 28,
            "network": "projection", "protocol": "published", "schedule": "constant",
        },
    ),
    SingleDigits: (
        {"group": "D4"},
        {
            **STEP, "group": "C4", "method": "cnn", "latent": 24, "copies": 1, "latent_augmentation": True,
            "network": None,
        },
    ),
    SmokeForecast: (
        {"width": 8, "size": 8},
        {
            **STEP, "method": "cnn", "layout": "channels", "width": 12, "size": None, "latent_augmentation": True,
            "weight_decay": 0.1, "decay": 0.5, "network": "mlp", "network_as_published": None,
        },
    ),
}  # fmt: skip
"""For each model what it is compared with, and another value of every setting.

None where no other value can be compared: one network alone is there, fields of another size need other data, and
networks with a published form need the steerable library.
"""
SHAPES = {DDMNIST: (1, 56, 56), MedMNIST3D: (1, 8, 8, 8), SingleDigits: (1, 28, 28), SmokeForecast: (20, 8, 8)}


@pytest.mark.parametrize("model", CASES)
def test_no_setting_is_left_out(model):
    assert set(CASES[model][1]) == set(inspect.signature(model).parameters)


def traits(kind, **settings):
    """What a step depends on: shapes of weights, monitored metric, optimizer, and the gradient on fixed samples."""
    torch.manual_seed(0)
    model = kind(**settings)
    made = model.configure_optimizers()
    adam, scheduler = (made["optimizer"], made["lr_scheduler"]) if isinstance(made, dict) else (made, None)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(8, *SHAPES[kind], generator=generator)
    y = torch.randn(8, 2, 2, 8, 8, generator=generator) if kind is SmokeForecast else torch.arange(8) % 2
    torch.manual_seed(2)
    own = model.network.regularizer()
    order = model.objective.input_action.group.order
    total = model.objective(x, y, 1 + torch.arange(8) % (order - 1)).total
    (total if own is None else total + own).backward()
    (group,) = adam.param_groups
    gradient = torch.cat([p.grad.flatten() for p in model.network.parameters()])
    return {
        "shapes": [p.shape for p in model.network.parameters()],
        "optimizer": (group["lr"], group["weight_decay"], getattr(scheduler, "gamma", None)),
        "monitor": model.monitor,
        "gradient": gradient,
    }


def differ(one, other):
    same = {name: one[name] == other[name] for name in one if name != "gradient"}
    if same["shapes"]:
        same["gradient"] = torch.allclose(one["gradient"], other["gradient"], rtol=1e-4, atol=1e-7)
    return [name for name, value in same.items() if not value]


@pytest.mark.parametrize(
    ("model", "setting"),
    [(model, name) for model, (_, changes) in CASES.items() for name, value in changes.items() if value is not None],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_setting_acts(model, setting):
    base, changes = CASES[model]
    plain = traits(model, **base)
    assert differ(plain, traits(model, **base)) == []  # what differs below is the setting's doing
    found = differ(plain, traits(model, **{**base, setting: changes[setting]}))
    assert found
    if setting in ("learning_rate", "weight_decay", "decay", "protocol", "schedule"):
        assert found == ["optimizer"]
    elif setting == "select":
        assert found == ["monitor"]
    elif setting in ("weight", "copies", "fraction", "one_sided", "latent_augmentation", "as_published", "layout"):
        assert found == ["gradient"]


OF_THE_RUN = ("schedule", "size", "source")
"""Settings that the record of a run has from the data, or from the protocol."""


@pytest.mark.parametrize("model", CASES)
def test_a_model_records_its_settings(model):
    base, changes = CASES[model]
    for setting, value in changes.items():
        if value is not None and setting not in OF_THE_RUN:
            assert model(**{**base, setting: value}).config()[setting] == value, setting


@pytest.mark.parametrize("size", [6, 8])
def test_forecasts_are_of_the_size_that_is_set(size):
    model = SmokeForecast(width=4, size=size)
    assert model.network.latent_shape == (4, size, size)
    assert model.objective.latents[OUTPUT].shape == (4, size, size)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_copies_of_the_regular_representation_are_counted(copies):
    models = {4: DDMNIST("D1", latent=20, copies=copies, classes=2), 8: SingleDigits(latent=30, copies=copies)}
    for order, model in models.items():
        rho = model.objective.latents[OUTPUT]
        assert rho.dim - rho.invariant_dim == copies * (order - 1)
