"""Terms of a step: means over layers and over their runs, and what is logged."""

import pytest
import torch

from regrep.objectives.terms import Terms


class Run:
    """Stands for the latents of a layer: three measures by name."""

    def __init__(self, value):
        self.value = torch.tensor(float(value))


NAMES = ("whitened_error", "moving_share", "uncentred_error")


@pytest.fixture
def measured(monkeypatch):
    for k, name in enumerate(NAMES):
        monkeypatch.setattr(f"regrep.objectives.terms.Compared.{name}", lambda run, k=k: run.value + 10 * k)


def terms(*layers, **more):
    values = [torch.tensor(float(k), requires_grad=True) for k in range(5)]
    return Terms(*values, tuple(tuple(Run(value) for value in runs) for runs in layers), **more)


def test_a_measure_is_the_mean_over_layers_of_the_mean_over_runs(measured):
    found = terms((1, 3), (8,))
    assert [float(getattr(found, name)) for name in NAMES] == [5, 15, 25]
    assert [float(getattr(terms(), name)) for name in NAMES] == [0, 0, 0]
    with pytest.warns(DeprecationWarning, match="relative_error is an old name"):
        assert float(found.relative_error) == 25


def test_what_is_logged_is_detached_and_named(measured):
    found = terms((1,), weight=torch.tensor(7.0)).log("train/")
    expected = {"total": 0, "task": 1, "shifted_task": 2, "equivariance": 3, "latent_task": 4, "weight": 7}
    expected |= {"whitened_error": 1, "moving_share": 11}
    assert {name: float(value) for name, value in found.items()} == {f"train/{k}": v for k, v in expected.items()}
    assert not any(value.requires_grad for value in found.values())
    assert set(terms((1,)).log(errors=False)) == {"total", "task", "shifted_task", "equivariance", "latent_task"}
