"""What the whitened penalty costs beside a training step of the DDMNIST network, by the width of the latent.

python benchmarks/whitened.py [ROUNDS]
"""

from __future__ import annotations

import sys

import torch
from interleaved import medians, ratio, save
from torch import Tensor, nn

from regrep import equivariance_loss, latent
from regrep_paper.data.double_digits import action_of
from regrep_paper.networks.choice import build

PAIRS = 256
WIDTHS = (66, 128, 256, 512)


def main(rounds: int = 7) -> None:
    """Time a step on two views without a penalty, and both penalties with their gradients, in turn."""
    act = action_of("D4")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2 * PAIRS, 1, 56, 56, generator=generator)
    y = torch.randint(100, (2 * PAIRS,), generator=generator)
    g = torch.randint(act.group.order, (PAIRS,), generator=generator)
    functions, pairs = {}, []
    for width in WIDTHS:
        network, rho = build("ddmnist", "cnn", group="D4", latent=width, classes=100), latent(act.group, width)
        z = torch.randn(2 * PAIRS, width, generator=generator, requires_grad=True)

        def step(network: nn.Module = network) -> None:
            nn.functional.cross_entropy(network(x), y).backward()

        def penalised(penalty: str, z: Tensor = z, rho: object = rho) -> None:
            equivariance_loss(z[:PAIRS], z[PAIRS:], g, rho, penalty).backward()  # type: ignore[arg-type]

        functions[f"step {width}"] = step
        functions[f"mse {width}"] = lambda penalised=penalised: penalised("mse")
        functions[f"whitened {width}"] = lambda penalised=penalised: penalised("whitened")
        pairs += [(f"mse {width}", f"step {width}"), (f"whitened {width}", f"step {width}")]
    times = medians(functions, rounds)
    save("whitened-cpu", times, {f"{one} / step": ratio(times, one, other) for one, other in pairs}, pairs=PAIRS)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
