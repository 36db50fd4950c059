"""Every method is the objective that its row says, and takes a step."""

import pytest
import torch

from regrep.errors import RegrepError
from regrep.objectives import EquivariantObjective
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.experiments.objective import objective_for
from regrep_paper.experiments.smoke import SmokeForecast
from regrep_paper.tables.methods import METHODS


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
@pytest.mark.parametrize("method", METHODS.values(), ids=lambda row: row.name)
def test_a_method_is_what_its_row_says(method):
    generator = torch.Generator().manual_seed(0)
    model = DDMNIST("D1", method.name, classes=2)
    objective = model.objective
    assert objective.penalty == (method.penalty or "mse")
    assert (objective.weight > 0) == (method.penalty is not None)
    assert objective.control == method.control
    assert objective.fraction == float(method.second_view)
    terms = objective(torch.randn(8, 1, 56, 56, generator=generator), torch.arange(8) % 4)
    assert (terms.shifted_task > 0) == method.second_view
    assert (terms.latent_task > 0) == method.latent_augmentation
    terms.total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.network.parameters())


@pytest.mark.parametrize("method", ["cnn", "ours-whitened", "ours-shuffled-latent-augmented"])
def test_forecasts_have_the_same_methods(method):
    generator = torch.Generator().manual_seed(0)
    model = SmokeForecast(method, width=8, size=8)
    x, y = torch.randn(4, 20, 8, 8, generator=generator), torch.randn(4, 2, 2, 8, 8, generator=generator)
    terms = model.objective(x, y)
    assert (terms.latent_task > 0) == METHODS[method].latent_augmentation
    assert terms.total.isfinite()


def test_an_unknown_method_is_refused():
    network = DDMNIST("D1").network
    with pytest.raises(RegrepError, match="the methods are cnn, .* got 'theirs'"):
        objective_for(EquivariantObjective, "theirs", network, None, None, 1.0)
