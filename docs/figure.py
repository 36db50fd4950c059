"""Draw the figures of README's first screen, from the records of the study on single digits, and of the measuring page.

python docs/figure.py [RECORDS]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib
import numpy as np

from regrep_paper.report.curves import spaced
from regrep_paper.report.durations import durations
from regrep_paper.report.layer_profile import write_figure
from regrep_paper.report.runs import Run, read_runs
from regrep_paper.report.style import COLOURS, STYLE, canvas, drawing, place
from regrep_paper.report.table import rows_of

ROOT = Path(__file__).parents[1]
METHODS = {"ours": "the paper's penalty", "ours-permuted": "random permutations for ρ", "ours-whitened": "whitened"}
PANELS = {
    "validation/whitened_error": "whitened error (1 = unrelated)",
    "validation/through_rho": "accuracy of the head on ρ(g)E(x)",
}


def main(records: str = "results/single-digits.jsonl") -> None:
    """Draw it from a file or a folder of records."""
    runs, _ = read_runs(ROOT / records)
    chosen = [run for run in runs if run.config.get("labels") == 30 and not run.config.get("averaged")]
    with matplotlib.rc_context(STYLE):
        figure = canvas(10.6, 3.0)
        for k, (column, label) in enumerate(PANELS.items()):
            axis = place(figure, 0.6 + 5.2 * k, 0.15, 2.9, 2.4)
            ends = []
            for method, name in METHODS.items():
                curves = curves_of([run for run in chosen if run.config["method"] == method], column)
                epochs = np.arange(1, curves.shape[1] + 1)
                axis.plot(epochs, curves.mean(axis=0), color=COLOURS[method], lw=1.7)
                axis.fill_between(
                    epochs, curves.min(axis=0), curves.max(axis=0), color=COLOURS[method], alpha=0.16, lw=0
                )
                ends.append((float(curves[:, -1].mean()), name, COLOURS[method]))
            axis.set(xlabel="epoch", ylabel=label, ylim=(0, 1.08))
            places = spaced([value / 1.08 for value, _, _ in ends], 0.09)
            for (_, name, colour), height in zip(ends, places, strict=True):
                axis.annotate(name, (1.02, height), xycoords="axes fraction", color=colour, fontsize=8, va="center")
    picture = drawing("over-training", "Whitened error and accuracy through rho over training", "", figure)
    path = ROOT / "docs" / "figures" / "over-training.svg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(picture.svg)


def curves_of(runs: list[Run], column: str) -> np.ndarray:
    """[runs, epochs]."""
    return np.array([[run.metrics[column][epoch] for epoch in sorted(run.metrics[column])] for run in runs])


def layers() -> None:
    """Draw the layers of the last and largest face detector."""
    network = json.loads((ROOT / "results" / "face-detectors.json").read_text())["networks"][-1]
    write_figure(ROOT / "docs" / "figures" / "face-detector-layers.svg", network, network["name"])


def fractions() -> None:
    """Draw accuracy against training time for fractions of second views."""
    runs, _ = read_runs(ROOT / "results" / "ddmnist-fraction.jsonl")
    figure = durations(rows_of(runs))
    assert figure is not None, "the runs differ in their fractions"
    picture = drawing("fraction-front", "Accuracy against training time for fractions of second views", "", figure)
    (ROOT / "docs" / "figures" / "fraction-front.svg").write_text(picture.svg)


if __name__ == "__main__":
    layers()
    fractions()
    main(*sys.argv[1:])
