"""A rate that rises and decays, without touching anything else of the optimizer."""

import pytest
import torch

from regrep_paper.training.rates import one_cycle


def rates_of(steps, rate=0.5):
    weight = torch.nn.Parameter(torch.zeros(2))
    made = one_cycle(torch.optim.Adam([weight], lr=1.0), rate, steps)
    found, betas = [], []
    for _ in range(steps):
        (group,) = made["optimizer"].param_groups
        found.append(group["lr"])
        betas.append(group["betas"])
        weight.grad = torch.ones(2)
        made["optimizer"].step()
        if len(found) < steps:
            made["lr_scheduler"]["scheduler"].step()
    return made, found, betas


@pytest.mark.parametrize(("steps", "top"), [(4, 1), (10, 1), (20, 1), (50, 4), (200, 19)])
def test_the_rate_rises_for_a_tenth_of_the_steps_but_two_at_least(steps, top):
    made, found, betas = rates_of(steps)
    assert found.index(max(found)) == top
    assert found[top] == pytest.approx(0.5)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert found[-1] < 1e-5
    assert set(betas) == {(0.9, 0.999)}  # momentum does not cycle
    assert made["lr_scheduler"]["interval"] == "step"


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_run_of_a_few_steps_keeps_its_rate(steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.25)
    assert one_cycle(optimizer, 0.5, steps) is optimizer
    assert optimizer.param_groups[0]["lr"] == 0.25
