"""Run records as training writes them, made up: for tests of reports, without any training."""

import json
import math
import random
from pathlib import Path

import numpy as np

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
    **cell,
) -> Path:
    """A run folder; ``status`` None is a run that is not over, further words are settings of the cell."""
    folder.mkdir(parents=True)
    cell = {
        "experiment": "ddmnist", "data": "mnist", "group": "D4", "method": method, "latent": 66, "copies": None,
        "learning_rate": 5e-4, "weight": 0 if method.startswith("cnn") else 1, "classes": 10, "seed": seed,
        "epochs": epochs, "precision": "bf16-mixed", **cell,
    }  # fmt: skip
    record = {
        "format": 1, "run_id": folder.name, "cell": cell, "seed": seed,
        "command": ["regrep", "fit", "ddmnist", f"--model.method={method}", f"--seed_everything={seed}"],
        "versions": {"regrep": "0.1.0", "python": "3.11.7", "torch": "2.13.0"},
        "data": {
            "name": cell["data"],
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
    lines = ["epoch,step,seconds,train/total,validation/accuracy,validation/relative_error,validation/latent_scale"]
    for epoch in range(told):
        rise = 1 - math.exp(-4 * (epoch + 1) / epochs)
        error = 1.41 + (final - 1.41) * rise
        scale = 0.05 * (4 if method == "ours-relative" else 1) ** rise
        noise = 1 + 0.03 * draw.gauss(0, 1)
        lines.append(f"{epoch},{40 * epoch + 40},{24 * epoch},1.5,{validation * rise * noise},{error},{scale * noise}")
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    names = ELEMENTS[cell["group"]]
    if status is not None:
        relative = [0.0, *(final * (1 + 0.1 * draw.gauss(0, 1)) for _ in names[1:])]
        done = {
            "format": 1, "status": status, "message": "the loss is not finite", "best_epoch": told - 1, "epochs": told,
            "seconds": 600 + seed, "validation": {"accuracy": validation},
            "test": {
                "accuracy": test, "accuracy_upright": test - 0.02, "relative_error": final, "latent_scale": 0.05,
            },
            "equivariance": {"elements": names, "absolute": [0.1] * len(names), "relative": relative},
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
