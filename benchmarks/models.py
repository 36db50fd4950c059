"""What each network of a table costs: a training step, inference, memory and parameters, beside the plain CNN.

python benchmarks/models.py TABLE [--models NAME ...] [--groups NAME ...] [--rounds N] [--batch N]

Step: an update on one view of a batch, the network's regularizer included, over that of the CNN on two views
(cnn-augmented). Inference: a batch in evaluation mode, over the CNN's. Memory: what autograd keeps of one forward pass
and four times the parameters (weights, gradients, two moments of Adam), without buffers and what a kernel needs for a
moment. All in 32 bit.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from interleaved import medians, ratio, save
from regrep.experiments.competitors.catalogue import entries
from torch import Tensor, nn

import regrep
from regrep.actions import Action, Rotate3d
from regrep.experiments.competitors.averaging import GroupAveraged
from regrep.experiments.ddmnist.data import action_of
from regrep.experiments.ddmnist.network import DoubleDigitCNN
from regrep.experiments.medmnist3d.network import VolumeCNN
from regrep.experiments.smoke.data import action
from regrep.experiments.smoke.network import SmokeCNN
from regrep.experiments.smoke.settings import WINDOW
from regrep.groups import octahedral
from regrep.objectives import EquivariantObjective, RolloutObjective
from regrep.training.machine import tune_allocator
from regrep.training.module import EncoderHead


@dataclass(frozen=True)
class Table:
    """What the networks of a table are trained on: inputs, targets below ``classes`` or, without, frames."""

    cnn: Callable[[], EncoderHead]
    action: Action
    shape: tuple[int, ...]
    batch: int
    classes: int = 0
    frames: int = 6

    def data(self, batch: int) -> tuple[Tensor, Tensor]:
        """Random inputs and targets."""
        x = torch.randn(batch, *self.shape)
        if self.classes:
            return x, torch.randint(self.classes, (batch,))
        return x, torch.randn(batch, self.frames, 2, *self.shape[1:])

    def objective(self, network: EncoderHead, fraction: float) -> EquivariantObjective:
        """That of cnn for fraction 0, of cnn-augmented for 1."""
        kind, loss = EquivariantObjective, nn.functional.cross_entropy
        if not self.classes:
            kind, loss = RolloutObjective, nn.functional.mse_loss
        return kind(
            network.encoder, network.head, loss, self.action, lambda z, g: z, weight=0.0,
            output_action=None if self.classes else self.action, fraction=fraction,
        )  # fmt: skip


TABLES = {
    "ddmnist": Table(DoubleDigitCNN, action_of("D4"), (1, 56, 56), 64, classes=100),
    "medmnist3d": Table(lambda: VolumeCNN(classes=2), Rotate3d(octahedral()), (1, 28, 28, 28), 8, classes=2),
    "smoke": Table(SmokeCNN, action(), (2 * WINDOW, 64, 64), 2),
}


def loss_of(network: EncoderHead, objective: EquivariantObjective, x: Tensor, y: Tensor) -> Tensor:
    """What an update minimises."""
    total, own = objective(x, y).total, network.regularizer()
    return total if own is None else total + own


def step(network: EncoderHead, objective: EquivariantObjective, x: Tensor, y: Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)

    def run() -> None:
        optimiser.zero_grad()
        loss_of(network, objective, x, y).backward()
        optimiser.step()

    return run


def inference(network: EncoderHead, x: Tensor) -> Callable[[], Tensor]:
    network = copy.deepcopy(network).eval()

    @torch.no_grad()
    def run() -> Tensor:
        return network(x)

    return run


def memory(network: EncoderHead, objective: EquivariantObjective, x: Tensor, y: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass, each storage once, and four times the parameters."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage  # held, so that its address is not given to another
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss_of(network, objective, x, y)
    return sum(storage.nbytes() for storage in kept.values()) + 4 * sum(p.nbytes for p in network.parameters())


def main(table: str, models: list[str], groups: list[str], rounds: int, batch: int | None) -> None:
    warnings.simplefilter("ignore", regrep.CapacityWarning)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tune_allocator()
    setting = TABLES[table]
    x, y = (tensor.to(device) for tensor in setting.data(batch or setting.batch))
    networks = {"cnn": setting.cnn()}
    for entry in entries():
        name = f"{entry.model} {entry.group}"
        if entry.table != table or entry.model == "cnn":
            continue
        if (models and entry.model not in models) or (groups and entry.group not in groups):
            continue
        if not entry.available():
            print(f'{name} is left out: it needs pip install "regrep[baselines]"')
            continue
        networks[name] = entry.build()
    networks = {name: network.to(device) for name, network in networks.items()}
    objectives = {name: setting.objective(network, fraction=0.0) for name, network in networks.items()}
    networks["cnn-augmented"] = setting.cnn().to(device)
    objectives["cnn-augmented"] = setting.objective(networks["cnn-augmented"], fraction=1.0)
    needed = {name: memory(network, objectives[name], x, y) for name, network in networks.items()}
    steps = {f"step, {name}": step(network, objectives[name], x, y) for name, network in networks.items()}
    runs = {f"inference, {name}": inference(network, x) for name, network in networks.items()}
    averaged = GroupAveraged(setting.cnn(), setting.action, None if setting.classes else setting.action)
    runs["inference, cnn, averaged"] = inference(averaged.to(device), x)
    times = medians({**steps, **runs}, rounds)
    ratios = {name: ratio(times, name, "step, cnn-augmented") for name in steps}
    ratios |= {name: ratio(times, name, "inference, cnn") for name in runs}
    costs = {}
    for name, network in {**networks, "cnn, averaged": averaged}.items():
        costs[name] = {
            "parameters": sum(p.numel() for p in network.parameters()),
            "step": ratios.get(f"step, {name}"),
            "inference": ratios[f"inference, {name}"],
            "inference_ms_per_sample": 1e3 * statistics.median(times[f"inference, {name}"]) / len(x),
            "memory_mib": needed[name] / 2**20 if name in needed else None,
        }
        print(name, {key: None if value is None else round(value, 3) for key, value in costs[name].items()})
    record = "-".join(["models", table, device.type, *models, *groups])
    save(record, times, ratios, batch=len(x), models=costs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--models", nargs="+", default=[], help="some of the catalogue's (default all)")
    parser.add_argument("--groups", nargs="+", default=[], help="some of the groups (default all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int)
    main(**vars(parser.parse_args()))
