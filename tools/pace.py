"""Write how long our own runs took, for the estimates of `regrep sweep --dry-run`.

python tools/pace.py
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from regrep_paper.tables.workload import PACE, SAMPLES, work

RESULTS = Path(__file__).parents[1] / "results"


def pace(results: Path) -> dict[str, dict[str, object]]:
    """Median seconds for 10,000 samples, of the finished runs on a CPU, by experiment."""
    found: dict[str, list[float]] = {}
    for file in sorted(results.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            config, done = record.get("config", {}), record.get("done", {})
            if record.get("device") != "cpu" or not done.get("seconds") or config.get("averaged"):
                continue
            if amount := work({**config, "epochs": done.get("epochs", config.get("epochs"))}):
                found.setdefault(config["experiment"], []).append(done["seconds"] / amount * SAMPLES)
    return {
        name: {"seconds": round(median(values), 2), "runs": len(values), "device": "cpu"}
        for name, values in sorted(found.items())
    }


if __name__ == "__main__":
    PACE.write_text(json.dumps(pace(RESULTS), indent=1) + "\n", encoding="utf-8")
