"""What each network of a table costs: a training step, inference, memory and parameters, beside the plain CNN.

python benchmarks/models.py [TABLE] [--models NAME ...] [--groups NAME ...] [--size small] [--rounds N] [--out DIR]

Step: an update on one view of a batch, the network's regularizer included, over that of cnn-augmented, the plain CNN
on two views; the plain CNN is measured under every method of the tables. Inference: a batch in evaluation mode, over
the CNN's. Memory: what autograd keeps of one forward pass and four times the parameters (weights, gradients, two
moments of Adam), without buffers and what a kernel needs for a moment. Networks have the sizes and the precision that
they are trained with. With --out a report on the runs of that folder shows the costs.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from interleaved import medians, ratio, save
from torch import Tensor, nn

import regrep
from regrep.actions import Action, Rotate3d
from regrep.groups import octahedral
from regrep.nn.averaged import GroupAveraged
from regrep.objectives import EquivariantObjective, RolloutObjective
from regrep.representations import Representation, latent
from regrep_paper.data.double_digits import action_of
from regrep_paper.data.smoke_windows import action
from regrep_paper.experiments.objective import objective_for
from regrep_paper.networks.choice import build_entry
from regrep_paper.networks.smoke_cnn import latent_representation
from regrep_paper.report.costs import FILE, cost_name
from regrep_paper.runs.records import FORMAT, write_atomic
from regrep_paper.tables import entries
from regrep_paper.tables.methods import METHODS
from regrep_paper.tables.network import PLAIN, Entry
from regrep_paper.tables.table6 import WINDOW
from regrep_paper.training.machine import default_precision, tune_allocator
from regrep_paper.training.module import EncoderHead


@dataclass(frozen=True)
class Table:
    """What the networks of a table are trained on: inputs, targets below ``classes`` or, without, frames."""

    name: str
    action: Action
    shape: tuple[int, ...]
    options: Mapping[str, int]
    batch: int
    frames: int = 6

    @property
    def classes(self) -> int:
        """0 for forecasts."""
        return self.options.get("classes", 0)

    def data(self) -> tuple[Tensor, Tensor]:
        """Random inputs and targets."""
        x = torch.randn(self.batch, *self.shape)
        if self.classes:
            return x, torch.randint(self.classes, (self.batch,))
        return x, torch.randn(self.batch, self.frames, 2, *self.shape[1:])

    def latent(self, network: EncoderHead) -> Representation:
        """That of ours, on the latent of the plain network."""
        if self.name == "smoke":
            return latent_representation(self.action, "grid", network.latent_shape)
        return latent(
            self.action.group, self.options["latent"] if "latent" in self.options else 8 * self.options["width"]
        )

    def objective(self, network: EncoderHead, method: str = "cnn") -> EquivariantObjective:
        """That of a method, with weight 1 where it has a penalty."""
        plain = not METHODS[method].second_view  # then nothing acts on the latent
        rho = (lambda z, g: z) if plain else self.latent(network)
        weight = 0.0 if METHODS[method].penalty is None else 1.0
        if self.classes:
            return objective_for(EquivariantObjective, method, network, self.action, rho, weight)
        loss, act = nn.functional.mse_loss, self.action
        return objective_for(RolloutObjective, method, network, act, rho, weight, loss, output_action=act)


def table_of(name: str, group: str, size: str = "full", batch: int | None = None) -> Table:
    """A table at the size of the paper, or of our small sweeps."""
    small = size == "small"
    if name == "ddmnist":
        options = {"latent": 66, "classes": 16 if small else 100}
        return Table(name, action_of(group), (1, 56, 56), options, batch or 64)
    if name == "medmnist3d":
        options = {"classes": 12, "width": 3, "size": 14} if small else {"classes": 2, "width": 6, "size": 28}
        return Table(name, Rotate3d(octahedral()), (1, *(options["size"],) * 3), options, batch or 8)
    options = {"width": 24, "size": 32} if small else {"width": 92, "size": 64}
    return Table(name, action(), (2 * WINDOW, options["size"], options["size"]), options, batch or 2)


TABLES = ("ddmnist", "medmnist3d", "smoke")

TIMED = tuple(METHODS)
"""Those of the plain network: every method of the tables."""


def trained(body: Callable[[], Tensor], x: Tensor) -> Tensor:
    """Run in the precision of training."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=default_precision() == "bf16-mixed"):
        return body()


def loss_of(network: EncoderHead, objective: EquivariantObjective, x: Tensor, y: Tensor) -> Tensor:
    """What an update minimises."""
    total, own = objective(x, y).total, network.regularizer()
    return total if own is None else total + own


def step(network: EncoderHead, objective: EquivariantObjective, x: Tensor, y: Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)

    def run() -> None:
        optimiser.zero_grad()
        trained(partial(loss_of, network, objective, x, y), x).backward()
        optimiser.step()

    return run


def inference(network: EncoderHead, x: Tensor) -> Callable[[], Tensor]:
    network = copy.deepcopy(network).eval()

    @torch.no_grad()
    def run() -> Tensor:
        return trained(partial(network, x), x)

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
        trained(partial(loss_of, network, objective, x, y), x)
    return sum(storage.nbytes() for storage in kept.values()) + 4 * sum(p.nbytes for p in network.parameters())


Times = dict[str, list[float]]


def measured(
    table: Table, networks: Mapping[str, EncoderHead], rounds: int
) -> tuple[dict[str, dict[str, float | None]], Times]:
    """Costs and seconds: of the plain network under every method, averaged too, and of all others on one view.

    Args:
        table: what they are trained on.
        networks: name -> network, that of ``cnn`` among them.
        rounds: of timing.
    """
    x, y = (tensor.to(next(networks[PLAIN].parameters()).device) for tensor in table.data())
    plain = TIMED
    under = {
        **{method: copy.deepcopy(networks[PLAIN]) for method in plain},
        **{n: networks[n] for n in networks if n != PLAIN},
    }
    objectives = {name: table.objective(net, name if name in plain else "cnn") for name, net in under.items()}
    needed = {name: memory(net, objectives[name], x, y) / 2**20 for name, net in under.items()}
    steps = {f"step, {name}": step(net, objectives[name], x, y) for name, net in under.items()}
    averaged = GroupAveraged(networks[PLAIN], table.action, None if table.classes else table.action)
    runs = {f"inference, {name}": inference(net, x) for name, net in {**networks, "averaged": averaged}.items()}
    times = medians({**steps, **runs}, rounds)

    def cost(name: str, run: str) -> dict[str, float | None]:
        return {
            "parameters": sum(p.numel() for p in under[name].parameters()),
            "step": round(ratio(times, f"step, {name}", "step, cnn-augmented"), 4),
            "inference": round(ratio(times, f"inference, {run}", f"inference, {PLAIN}"), 4),
            "inference_ms_per_sample": round(1e3 * statistics.median(times[f"inference, {run}"]) / len(x), 4),
            "memory_mib": round(needed[name], 3),
        }

    costs = {name: cost(name, PLAIN if name in plain else name) for name in under}
    return {**costs, **{f"{method}, averaged": cost(method, "averaged") for method in plain}}, times


def networks_of(listed: Sequence[Entry], options: Mapping[str, int]) -> dict[str, EncoderHead]:
    """Those of a catalogue that can be built, by name."""
    built = {}
    for entry in listed:
        if entry.available:
            built[entry.network] = build_entry(entry, **options)
        else:
            print(f'{entry.network} is left out: it needs pip install "regrep[baselines]"')
    return built


def costs_of(
    name: str, listed: Sequence[Entry], size: str, rounds: int, batch: int | None
) -> tuple[dict[str, dict[str, float | None]], Times]:
    """Costs and seconds of the networks of a table, by the names that reports know; each group beside its own CNN."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    apart = list(dict.fromkeys(entry.group for entry in listed)) if name == "ddmnist" else [""]
    costs, times = {}, {}
    for group in apart:
        table = table_of(name, group, size, batch)
        networks = networks_of([entry for entry in listed if group in ("", entry.group)], table.options)
        found, seconds = measured(table, {key: net.to(device) for key, net in networks.items()}, rounds)
        costs |= {cost_name({"experiment": name, "group": group, "method": key}): cost for key, cost in found.items()}
        times |= {f"{key} {group}".strip(): values for key, values in seconds.items()}
    return costs, times


def write(out: Path, name: str, costs: Mapping[str, Mapping[str, float | None]]) -> None:
    """Leave the costs where a report finds them."""
    content = {"format": FORMAT, "experiment": name, "precision": default_precision(), "costs": costs}
    write_atomic(out / FILE, json.dumps(content, indent=2) + "\n")


def main(
    table: str, models: list[str], groups: list[str], size: str, rounds: int, batch: int | None, out: Path | None
) -> None:
    warnings.simplefilter("ignore", regrep.CapacityWarning)
    tune_allocator()
    listed = [
        entry
        for entry in entries(table)
        if entry.network == PLAIN or (entry.network in models or not models)
        if not groups or entry.group in groups or (entry.network == PLAIN and table != "ddmnist")
    ]
    costs, times = costs_of(table, listed, size, rounds, batch)
    for name, cost in costs.items():
        print(name, cost)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    record = "-".join(["models", table, device, *([size] if size != "full" else []), *models, *groups])
    save(record, times, {}, precision=default_precision(), models=costs)
    if out:
        write(out, table, costs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=TABLES, nargs="?", default="ddmnist")
    parser.add_argument("--models", nargs="+", default=[], help="some of the catalogue's (default all)")
    parser.add_argument("--groups", nargs="+", default=[], help="some of the groups (default all)")
    parser.add_argument(
        "--size", choices=("full", "small"), default="full", help="that of the paper, or of small sweeps"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write DIR/costs.json too, for a report on DIR")
    main(**vars(parser.parse_args()))
