"""Keep the finished records of a folder of runs, without checkpoints and without the paths of a machine.

python results/keep.py RUNS NAME [PATH=NAME ...]
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

TEXTS = ("run.json", "done.json", "metrics.csv", "config.yaml")
ARRAYS = ("eigenvalues.npz", "examples.npz", "rollout.npz")


def keep(runs: Path, name: str, names: dict[str, str]) -> int:
    """Copy the records to results/NAME, pictures of seed 0 alone, and measured costs; returns how many runs."""
    target = Path(__file__).parent / name
    shutil.rmtree(target, ignore_errors=True)
    names = {str(runs): f"runs/{name}", **names}
    done = [file for file in sorted(runs.rglob("done.json")) if json.loads(file.read_text())["status"] == "finished"]
    for file in done:
        run = json.loads((file.parent / "run.json").read_text())
        out = target / run["run_id"]
        out.mkdir(parents=True)
        for text in TEXTS:
            if (file.parent / text).exists():
                content = (file.parent / text).read_text()
                for path, short in names.items():
                    content = content.replace(path, short)
                (out / text).write_text(content)
        if (run.get("config") or run["cell"])["seed"] == 0:
            for arrays in ARRAYS:
                if (file.parent / arrays).exists():
                    shutil.copy(file.parent / arrays, out / arrays)
    for file in sorted(runs.rglob("costs.json")):
        out = target / file.relative_to(runs)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, out)
    return len(done)


if __name__ == "__main__":
    pairs = dict(word.split("=", 1) for word in sys.argv[3:])
    print(f"{keep(Path(sys.argv[1]), sys.argv[2], pairs)} records in results/{sys.argv[2]}")
