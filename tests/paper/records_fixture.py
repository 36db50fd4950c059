"""Run records as training writes them, made up: for tests of reports, without any training."""

import json
import math
import random
from pathlib import Path

import numpy as np

from regrep_paper.report.summary import verdicts

D4 = ("e", "r", "r2", "r3", "s", "rs", "r2s", "r3s")
ELEMENTS = {
    "C4": [f"({g}, {h})" for g in D4[:4] for h in D4[:4]],
    "D1": [f"({g}, {h})" for g in "es" for h in "es"],
    "D4": [f"({g}, {h})" for g in D4 for h in D4],
    "S4": [f"g{k}" for k in range(24)],
}
FINAL_ERROR = {"cnn": 1.42, "cnn-augmented": 1.39, "ours": 0.6, "ours-relative": 0.3}


def write_run(
    folder: Path,
    method: str = "ours",
    seed: int = 0,
    *,
    validation: float = 0.8,
    test: float = 0.7,
    status: str | None = "finished",
    epochs: int = 3,
    done_epochs: int | None = None,
    pictures: bool = True,
    **config,
) -> Path:
    """A run folder; ``status`` None is a run that is not over, further words are settings of the config."""
    folder.mkdir(parents=True)
    config = {
        "experiment": "ddmnist", "data": "mnist", "group": "D4", "method": method, "latent": 66, "copies": None,
        "learning_rate": 5e-4, "weight": 0 if method.startswith("cnn") else 1, "classes": 10, "seed": seed,
        "epochs": epochs, "precision": "bf16-mixed", **config,
    }  # fmt: skip
    record = {
        "format": 1, "run_id": folder.name, "config": config, "seed": seed,
        "command": ["regrep", "fit", "ddmnist", f"--model.method={method}", f"--seed_everything={seed}"],
        "versions": {"regrep": "0.1.0", "python": "3.11.7", "torch": "2.13.0"},
        "data": {
            "name": config["data"],
            "files": {"t10k-images-idx3-ubyte.gz": {"md5": "9fb629c4189551a2d022fa330f9573f3"}},
            "sizes": {"train": 10000, "validation": 2000, "test": 5000},
        },
        "git": {"commit": "abcdef0123456789", "dirty": False}, "device": "cpu", "precision": "bf16-mixed",
        "parameters": 33742, "started": f"2026-01-0{seed + 1}T10:00:00+00:00",
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    draw = random.Random(f"{folder.name} {seed}")
    final = FINAL_ERROR.get(method, 0.8)
    told = epochs if done_epochs is None else done_epochs
    lines = ["epoch,step,seconds,train/total,validation/accuracy,validation/whitened_error,validation/latent_scale"]
    for epoch in range(told):
        rise = 1 - math.exp(-4 * (epoch + 1) / epochs)
        error = 1.41 + (final - 1.41) * rise
        scale = 0.05 * (4 if method == "ours-relative" else 1) ** rise
        noise = 1 + 0.03 * draw.gauss(0, 1)
        lines.append(f"{epoch},{40 * epoch + 40},{24 * epoch},1.5,{validation * rise * noise},{error},{scale * noise}")
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    names = ELEMENTS.get(config["group"], ["e"])
    if status is not None:
        relative = [0.0, *(final * (1 + 0.1 * draw.gauss(0, 1)) for _ in names[1:])]
        done = {
            "format": 1, "status": status, "message": "the loss is not finite", "best_epoch": told - 1, "epochs": told,
            "seconds": 600 + seed, "validation": {"accuracy": validation},
            "test": {
                "accuracy": test, "accuracy_upright": test - 0.02, "whitened_error": final, "latent_scale": 0.05,
            },
            "equivariance": {"elements": names, "absolute": [0.1] * len(names), "whitened_error": relative},
        }  # fmt: skip
        (folder / "done.json").write_text(json.dumps(done))
    if pictures:
        x = np.zeros((4, 12, 12), dtype=np.uint8)
        x[:, 2:9, 3] = x[:, 8, 3:8] = 255
        np.savez(
            folder / "examples.npz", x=x, gx=np.rot90(x, axes=(1, 2)),
            element=np.array([names[k % len(names)] for k in range(1, 5)]), label=np.array([7, 16, 33, 99]),
        )  # fmt: skip
    return folder


def write_sweep(folder: Path, epochs: int = 20) -> Path:
    """A sweep over three groups: chosen weights, a failed run, a running one, a method missing for one group."""
    levels = {"C4": 0.85, "D1": 0.9, "D4": 0.7}
    gains = {"cnn": -0.2, "cnn-augmented": 0.0, "ours": 0.012, "ours-relative": 0.03}
    for group, level in levels.items():
        for method, gain in gains.items():
            if (group, method) == ("D1", "cnn"):
                continue
            weights = {"ours": (1,), "ours-relative": (0.01, 0.1, 1)}.get(method, (0,))
            for weight in weights:
                for seed in range(3 if weight != 0.01 else 1):
                    status = "finished"
                    if (group, method, seed) == ("C4", "ours", 2):
                        status = None
                    if (group, method, seed, weight) == ("D4", "ours-relative", 2, 0.1):
                        status = "failed"
                    accuracy = level + gain + 0.01 * (seed - 1) - 0.02 * (weight == 0.01)
                    write_run(
                        folder / f"{group}-{method}-w{weight}-s{seed}", method, seed, group=group, weight=weight,
                        validation=accuracy + 0.01, test=accuracy, status=status, epochs=epochs,
                        done_epochs=epochs // 2 if status != "finished" else None,
                    )  # fmt: skip
    return folder


def write_costs(folder: Path, costs: dict, experiment: str = "ddmnist", parameters: int = 33742) -> Path:
    """A costs.json: name -> step, inference and memory."""
    numbers = {
        name: {"parameters": parameters, **dict(zip(("step", "inference", "memory_mib"), told, strict=True))}
        for name, told in costs.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "costs.json").write_text(json.dumps({"format": 1, "experiment": experiment, "costs": numbers}))
    return folder / "costs.json"


LEARNED = {
    "tmnist": ("C2", 42, {"A": 21, "B": 21}, {"r": 2}),
    "mnist": ("D3", 30, {"A1": 5, "A2": 5, "E": 10}, {"r": 3, "s": 2}),
    "cifar10": ("C4", 64, {"A": 16, "B": 16, "E": 16}, {"r": 4}),
}
"""Group, width, expected multiplicities and orders of the generators of the experiments that learn ρ."""

ROOTS = {
    "tmnist": {"r": (21, 21)},
    "mnist": {"r": (10, 10, 10), "s": (15, 15)},
    "cifar10": {"r": (16, 16, 16, 16)},
}
"""Eigenvalues of each generator at each root of unity, as expected."""


def write_learned(
    folder: Path,
    experiment: str = "tmnist",
    seed: int = 0,
    *,
    shift: int = 0,
    status: str | None = "finished",
    epochs: int = 12,
    extras: bool = True,
    pictures: bool = True,
    **config,
) -> Path:
    """A run folder that learns ρ; ``shift`` adds so many to the first multiplicity and takes them from the second.

    Without ``extras`` it has neither multiplicities, controls, eigenvalues nor pictures.
    """
    group, dim, _, orders = LEARNED[experiment]
    config = {
        "latent": dim, "init": "orthogonal", "algebra_weight": 1.0, "output_weight": 1.0, "latent_weight": 1.0,
        "frozen_encoder": False, "group": group, "data": None, "weight": None, "copies": None, "classes": None,
        **config,
    }  # fmt: skip
    write_run(
        folder, "learned", seed, experiment=experiment, status=status, epochs=epochs, pictures=False,
        done_epochs=epochs if status == "finished" else epochs // 2, **config,
    )  # fmt: skip
    draw = np.random.default_rng([seed, dim])
    _write_course(folder, experiment, seed, epochs if status == "finished" else epochs // 2)
    if status is not None:
        _write_outcome(folder / "done.json", experiment, seed, shift, extras)
    if extras:
        _write_eigenvalues(folder / "eigenvalues.npz", ROOTS[experiment], orders, epochs, shift, draw)
    if extras and pictures:
        shape = (4, 12, 12, 3) if experiment == "cifar10" else (4, 12, 12)
        x = np.zeros(shape, dtype=np.uint8)
        x[:, 2:9, 3] = x[:, 8, 3:8] = 255
        gx = np.rot90(x, axes=(1, 2))
        decoded = {} if experiment == "cifar10" else {"decoded": gx // 2 + 40}
        np.savez(
            folder / "examples.npz", x=x, gx=gx, **decoded, element=np.array(list(orders)[:1] * 4),
            label=np.array([7, 1, 3, 9]),
        )  # fmt: skip
    return folder


def _write_course(folder: Path, experiment: str, seed: int, epochs: int) -> None:
    names = ["epoch", *(f"train/{name}" for name in ("total", "task", "output", "latent", "algebra"))]
    names += [f"validation/{name}" for name in ("loss", "equivariance", "whitened_error", "latent_scale")]
    lines = [",".join([*names, "validation/accuracy"] if experiment == "cifar10" else names)]
    for epoch in range(epochs):
        fall = math.exp(-0.5 * epoch) * (1 + 0.1 * seed)
        values = [1.5 * fall, fall, 0.3 * fall, 0.2 * fall, 1e-4 * fall, fall, 0.1 * fall, 0.9 * fall, 0.8]
        values += [1 - 0.5 * fall] if experiment == "cifar10" else []
        lines.append(",".join(map(str, [epoch, *values])))
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")


def _write_outcome(path: Path, experiment: str, seed: int, shift: int, extras: bool) -> None:
    _, dim, expected, orders = LEARNED[experiment]
    done = json.loads(path.read_text())
    del done["equivariance"]
    measured = {"loss": 0.02 + 0.001 * seed, "equivariance": 0.004, "whitened_error": 0.08, "latent_scale": 0.8}
    measured |= {"accuracy": 0.7} if experiment == "cifar10" else {}
    done |= {"validation": measured, "test": measured}
    nearest = dict(expected)
    names = list(expected)
    nearest[names[0]] += shift
    nearest[names[1]] -= shift
    roots = {name: list(counts) for name, counts in ROOTS[experiment].items()}
    first = roots[next(iter(roots))]
    first[0] += shift
    first[len(first) // 2] -= shift
    if extras:
        done["representation"] = {
            "dim": dim, "group": LEARNED[experiment][0], "gauge_condition": 1.2, "defect": 0.003,
            "held_out_defect": 0.004, "relators": {"r^2": 0.003}, "faithfulness": 1.9, "kernel": [],
            "multiplicities": {
                name: {
                    "value": n + 0.012 * (k - 0.5), "standard_error": 0.002, "confidence": 0.999 - 0.01 * k,
                    "expected": float(expected[name]),
                }
                for k, (name, n) in enumerate(nearest.items())
            },
            "projectors": {name: {"rank": n, "gap": 0.9, "residual": 0.01} for name, n in nearest.items()},
            "moved": 3.2, "converged": True, "nearest": nearest,
            "generators": {
                name: {"order": orders[name], "roots": counts, "root_distance": 0.01} for name, counts in roots.items()
            },
            "rounds_to_regular": not shift, "confident": True, "distance_from_regular": float(abs(shift)),
            "verdict": "ρ is the regular representation." if not shift else "ρ is not the regular representation.",
        }  # fmt: skip
        done["controls"] = {
            name: {"draws": 10, "regular": share, "confident": 0.5, "defect": 0.3, "moved": 2.5}
            for name, share in {
                "shuffled labels": 0.2, "random orthogonal matrices": 0.1, "same initialisation": 0.4,
                "untrained start": 0.0,
            }.items()
        }  # fmt: skip
    path.write_text(json.dumps(done))


def _write_eigenvalues(path, roots, orders, epochs, shift, draw) -> None:
    """From random phases on the circle to the roots of unity, in another order at every epoch."""
    told = np.arange(epochs + 1)
    tracks = []
    for k, counts in enumerate(roots.values()):
        counts = np.array(counts)
        if k == 0:
            counts[0] += shift
            counts[len(counts) // 2] -= shift
        turns = np.repeat(np.arange(len(counts)), counts) / len(counts)
        start = turns + draw.uniform(-0.5, 0.5, turns.size) / len(counts)
        rest = np.exp(-0.6 * told)[:, None]
        values = (1 - 0.3 * rest * draw.uniform(size=turns.size)) * np.exp(
            2j * np.pi * (turns + (start - turns) * rest)
        )
        tracks.append(np.stack([draw.permutation(row) for row in values]))
    np.savez(
        path, epoch=told.astype(np.int64), generators=np.array(list(orders)),
        orders=np.array(list(orders.values()), dtype=np.int64),
        eigenvalues=np.stack(tracks, axis=1).astype(np.complex64),
    )  # fmt: skip


def write_learned_sweep(folder: Path) -> Path:
    """All three experiments with five seeds, one of them not as expected, one failed and one running."""
    for experiment in LEARNED:
        for seed in range(5):
            write_learned(folder / f"{experiment}-{seed}", experiment, seed, shift=seed == 3)
    write_learned(folder / "tmnist-failed", "tmnist", 5, status="failed", extras=False)
    write_learned(folder / "tmnist-running", "tmnist", 6, status=None, extras=False)
    return folder


def summary(rows) -> list[tuple[str, str]]:
    """Heading and whole verdict of each problem and measure."""
    return [(heading, " ".join(part for part in parts if part)) for heading, parts in verdicts(rows)]
