"""How the learning rate changes from step to step."""

from __future__ import annotations

from typing import Any

import torch


def one_cycle(optimizer: torch.optim.Optimizer, rate: float, steps: int) -> Any:
    """An optimizer for Lightning with a rate that rises to ``rate`` in a tenth of the steps, then decays to nothing.

    The rise takes two steps at least; a run of fewer than four steps has no room for a cycle, and gets the optimizer.
    """
    if steps < 4:
        return optimizer
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=max(0.1, 2 / steps), cycle_momentum=False
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
