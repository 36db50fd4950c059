"""What a training step costs on a GPU, and how near it is to the least: one command, within five minutes.

python benchmarks/gpu.py [--device cuda|cpu] [--batch N] [--rounds N] [--seconds S] [--compile] [--out FILE]

Every step is timed as it runs by default, and on a GPU also replayed as a captured graph, without the time of
launching its kernels. "whole" is the step of ``regrep fit --compile``, which also makes its batch. Under "limit" stands
what a captured plain step on two views must move: the activations that autograd keeps, written once and read once, and
7 times the parameters (weights, gradients, both moments of Adam), at the rate at which this device copies memory. On a
CPU the same runs without graphs; --batch 8 --rounds 2 tries it.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from interleaved import medians, origin, save
from torch import Tensor, nn

from regrep.objectives import OUTPUT, Terms
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.samples import Views
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.networks.double_digit_cnn import AveragePool
from regrep_paper.training.captured import WARM, WholeStep
from regrep_paper.training.machine import tune_allocator

Step = Callable[[], object]

PLAIN = "plain, two views"
"""The step to which all others are compared: the augmented network, without a penalty."""

STEPS: dict[str, dict[str, object]] = {
    PLAIN: {"method": "cnn-augmented"},
    "plain, one view": {"method": "cnn"},
    "ours": {"method": "ours"},
    "ours-relative": {"method": "ours-relative"},
    "ours-whitened": {"method": "ours-whitened"},
    "ours, fraction 0.25, latent augmentation": {"method": "ours", "fraction": 0.25, "latent_augmentation": True},
    "fraction 0, latent augmentation": {"method": "ours", "fraction": 0.0, "latent_augmentation": True},
}

WHOLE = (PLAIN, "ours", "ours-whitened")
"""Those that are also timed as whole steps, with their batch."""

LAYOUTS: dict[str, dict[str, bool]] = {
    "32 bit": {"half": False},
    "channels last": {"last": True},
    "pooling of PyTorch": {"direct": True},
    "channels last, pooling of PyTorch": {"last": True, "direct": True},
    "Adam without fusion": {"fused": False},
}
"""Variants of the plain step; by default bfloat16, channels first, banded pooling and on a GPU fused Adam."""


def network_step(
    views: Views,
    loss: Callable[[Views], Tensor],
    network: nn.Module,
    half: bool = True,
    fused: bool = True,
) -> Step:
    """An update of the network by Adam, which can be captured on a GPU."""
    cuda = views.x.device.type == "cuda"
    adam = torch.optim.Adam(network.parameters(), lr=1e-4, capturable=cuda, fused=fused if cuda else None)

    def run() -> None:
        adam.zero_grad(set_to_none=True)
        with torch.autocast(views.x.device.type, torch.bfloat16, enabled=half, cache_enabled=False):
            total = loss(views)
        total.backward()
        adam.step()

    return run


def whole_step(data: DoubleDigits, method: str, device: torch.device) -> Step:
    """The step of ``regrep fit --compile``: the batch, the objective, its gradients and Adam, captured on a GPU."""
    model = DDMNIST("D4", method)
    model.compile_step(data.resident(), capture=True)
    model.to(device)
    cuda = device.type == "cuda"
    adam = torch.optim.Adam(model.network.parameters(), lr=1e-4, fused=cuda or None)

    def loss(number: Tensor) -> tuple[Tensor, Terms]:
        with torch.autocast(device.type, torch.bfloat16):
            terms = model.numbered(number)
        return terms.total, terms

    step, numbers = WholeStep(loss, adam, device), itertools.count()
    for _ in range(WARM + 1):
        step(next(numbers))
    return lambda: step(next(numbers))


def loss_of(objective: Callable[..., object]) -> Callable[[Views], Tensor]:
    return lambda views: objective(views.x, views.y, views.g).total  # type: ignore[attr-defined]


def one_sided(model: DDMNIST) -> Callable[[Views], Tensor]:
    """Task, latent augmentation and a penalty whose gradient passes through E(x) alone: E(gx) is a constant."""
    encoder, head = model.network.encoder, model.network.head
    act, rho = model.objective.input_action, model.objective.latents[OUTPUT]

    def loss(views: Views) -> Tensor:
        z = encoder(views.x)
        with torch.no_grad():
            target = encoder(act(views.x, views.g))
        moved = rho(z, views.g)
        scores = head(torch.cat([z, moved])).chunk(2)
        tasks = [nn.functional.cross_entropy(part, views.y) for part in scores]
        return tasks[0] + tasks[1] + (moved - target).square().mean()

    return loss


def varied(views: Views, half: bool = True, last: bool = False, direct: bool = False, fused: bool = True) -> Step:
    """The plain step in another layout, precision or pooling."""
    device = views.x.device
    model = DDMNIST("D4", "cnn-augmented").to(device)
    if direct:
        for k, module in enumerate(model.network.encoder):
            if isinstance(module, AveragePool):
                model.network.encoder[k] = nn.AvgPool2d(5, 1 if module.out == 1 else 2, 1)
    if last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        views = views._replace(x=views.x.contiguous(memory_format=torch.channels_last))
    return network_step(views, loss_of(model.objective), model.network, half, fused)


def captured(step: Step) -> Step:
    """The step as a graph, after three steps that warm up and put tables on the device."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def launches(step: Step, cuda: bool) -> int:
    """Kernels that a step launches; on a CPU the operations that it calls."""
    from torch.profiler import ProfilerActivity, profile

    step()
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as found:
        step()
    if cuda:
        return sum("LaunchKernel" in event.name for event in found.events())
    return sum(
        event.name.startswith("aten::") and (event.cpu_parent is None or not event.cpu_parent.name.startswith("aten::"))
        for event in found.events()
    )


def kept(model: DDMNIST, views: Views) -> int:
    """Bytes that autograd keeps of a plain forward pass on two views, each storage once, without the parameters."""
    own = {p.untyped_storage().data_ptr() for p in model.network.parameters()}
    found: dict[int, torch.UntypedStorage] = {}

    def pack(x: Tensor) -> Tensor:
        if x.untyped_storage().data_ptr() not in own:
            found[x.untyped_storage().data_ptr()] = x.untyped_storage()
        return x

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x),
        torch.autocast(views.x.device.type, torch.bfloat16),
    ):
        loss_of(model.objective)(views)
    return sum(storage.nbytes() for storage in found.values())


def bandwidth(device: torch.device) -> float:
    """Bytes per second that a large copy reads and writes."""
    source = torch.ones(2**28 if device.type == "cuda" else 2**24, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = medians({"copy": lambda: target.copy_(source)}, 5)["copy"]
    return 2 * source.nbytes / statistics.median(times)


def steps_on(views: Views) -> Iterator[tuple[str, Step]]:
    """Name and step of everything that is timed, built when it is asked for."""
    device = views.x.device
    for name, settings in STEPS.items():
        model = DDMNIST("D4", **settings).to(device)  # type: ignore[arg-type]
        yield name, network_step(views, loss_of(model.objective), model.network)
    model = DDMNIST("D4", "ours").to(device)
    yield "ours, gradients through one side", network_step(views, one_sided(model), model.network)
    for name, changes in LAYOUTS.items():
        yield f"plain, {name}", varied(views, **changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=240, help="start nothing new after this time")
    parser.add_argument("--compile", action="store_true", help="also compiled steps, about a minute each")
    parser.add_argument("--out", type=Path, help="where to write the JSON; results/benchmarks by default")
    given = parser.parse_args()
    start, left_out = time.perf_counter(), []
    warnings.simplefilter("ignore")
    tune_allocator()
    device = torch.device(given.device)
    cuda = device.type == "cuda"
    print(origin(device))
    data = DoubleDigits(group="D4", batch_size=given.batch)
    data.setup()
    loader = iter(data.train_dataloader())
    raw = data.transfer_batch_to_device(next(loader), device, 0)
    views = data.views(raw)

    functions: dict[str, Step] = {}
    counts: dict[str, int] = {}
    for name, step in steps_on(views):
        if time.perf_counter() - start > given.seconds / 2:
            left_out.append(name)
            continue
        counts[name] = launches(step, cuda)
        functions[name] = step
        if cuda:
            try:
                functions[f"{name}, captured"] = captured(step)
            except RuntimeError as error:
                left_out.append(f"{name}, captured: {str(error).splitlines()[0]}")
        if given.compile and name in WHOLE:
            model = DDMNIST("D4", **STEPS[name]).to(device)  # type: ignore[arg-type]
            mode = "reduce-overhead" if cuda else None
            compiled = torch.compile(model.objective.forward, fullgraph=True, mode=mode)
            functions[f"{name}, compiled"] = network_step(views, loss_of(compiled), model.network)
    for name in WHOLE:
        functions[f"{name}, whole{', captured' * cuda}"] = whole_step(data, str(STEPS[name]["method"]), device)
    ours = DDMNIST("D4", "ours").to(device)
    rho, z = ours.objective.latents[OUTPUT], torch.randn(given.batch, 66, device=device)
    functions |= {
        "augmentation of a batch": lambda: data.views(raw),
        "input action": lambda: data.action(views.x, views.g),
        "latent action": lambda: rho(z, views.g),
    }
    rounds = 1
    times = medians(functions, rounds)
    while rounds < given.rounds and time.perf_counter() - start < given.seconds:
        more = medians(functions, 1, warm=False)
        times = {name: times[name] + more[name] for name in times}
        rounds += 1

    traffic = 2 * kept(DDMNIST("D4", "cnn-augmented").to(device), views)
    traffic += 7 * sum(p.nbytes for p in ours.network.parameters())
    rate = bandwidth(device)
    bare = f"{PLAIN}, captured" if f"{PLAIN}, captured" in times else PLAIN
    steps = [name for name in times if name not in ("augmentation of a batch", "input action", "latent action")]
    against = {
        f"{name} / {base}": statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))
        for base, name in itertools.product(dict.fromkeys([PLAIN, bare]), steps)
        if base != name and name.endswith("captured") == base.endswith("captured")
    }
    save(
        f"gpu-{device.type}",
        times,
        against,
        origin=origin(device),
        batch=given.batch,
        launches=counts,
        limit={"bytes": traffic, "bytes per second": round(rate), "seconds": traffic / rate},
        left_out=left_out,
        path=given.out,
    )
    for name, count in counts.items():
        print(f"{count:6} {'kernels' if cuda else 'operations'}: {name}")
    print(f"limit: {1e3 * traffic / rate:.2f} ms for {traffic / 2**20:.0f} MiB at {rate / 1e9:.0f} GB/s")
    print("\n".join(f"left out: {name}" for name in left_out))


if __name__ == "__main__":
    main()
