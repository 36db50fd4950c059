"""The commands ``regrep compare`` and ``regrep demo``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from regrep_paper.parser import command_parser, result_of
from regrep_paper.tasks import TASKS

DEMO = ("penalty-mse", "penalty-whitened", "consistency", "averaged")
"""The arms of the demo, beside the augmented network and the controls."""


def compare(words: Sequence[str]) -> int:
    """``regrep compare TASK.py``: train every arm alike, and compare them pairwise."""
    parser = command_parser("compare")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        [
            "TASK.py is a Python file that defines task, a regrep.Task; it is run. Ready tasks, also as templates:",
            *(f"  {name:11} {text}" for name, (_, text) in TASKS.items()),
            "",
            "Weights are chosen on validation samples, from one grid for all arms; the test samples are looked at",
            "once, for the chosen weights. The same command continues a comparison that was stopped.",
        ]
    )
    parser.add_argument("task", metavar="TASK", nargs="?", help="a file TASK.py, or the name of a ready task")
    parser.add_argument(
        "--arms", metavar="A,B,...", nargs="+", help="names of arms, compared with their controls (default all)"
    )
    parser.add_argument("--list-arms", action="store_true", help="print every arm with a line on what it does")
    parser.add_argument("--seeds", metavar="N", type=int, default=5, help="seeds 0 to N-1 (default 5)")
    parser.add_argument(
        "--tuning-seeds",
        metavar="N",
        type=int,
        help="try all weights with the seeds 0 to N-1 alone, and train the others with the chosen one (default: all)",
    )
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="runs at a time (default 1)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder (default runs/compare-TASK)")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="folder with data files, for tasks that read some")
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="where networks are trained and tested, such as cuda (default: the task's, cpu)",
    )
    parser.add_argument(
        "--slurm",
        metavar="KEY=VALUE",
        nargs="*",
        help="submit to Slurm with these options, for example partition=cpu timeout_min=60",
    )
    parser.add_argument("--run", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)  # what a sweep starts
    options = parser.parse_all(words)
    if options.jobs < 1:
        parser.error(f"--jobs is at least 1, got {options.jobs}")
    if options.seeds < 1:
        parser.error(f"--seeds is at least 1, got {options.seeds}")
    if options.tuning_seeds is not None and not 1 <= options.tuning_seeds <= options.seeds:
        parser.error(f"--tuning-seeds is 1 to {options.seeds}, the number of seeds, got {options.tuning_seeds}")

    from regrep_paper.experiments import compared

    if options.list_arms:
        with result_of(options) as tell:
            tell(compared.arms_listed(), compared.arms_text())
        return 0
    arms = None if options.arms is None else _names(options.arms)
    if options.task is None and arms is not None and len(arms) > 1:
        options.task = arms.pop()  # --arms A,B TASK
    if options.task is None:
        parser.error("name a file TASK.py or a ready task; see regrep compare --help")
    if options.run is not None:
        compared.run(options.task, options.run, options.data_dir, options.device)
        return 0

    out = options.out or Path("runs") / f"compare-{Path(options.task).stem}"
    with result_of(options) as tell:
        return _compare(
            options.task,
            out,
            arms,
            options.seeds,
            options.jobs,
            options.data_dir,
            options.slurm,
            tell,
            options.device,
            options.tuning_seeds,
        )


def demo(words: Sequence[str]) -> int:
    """``regrep demo``: what helps embedded digits, in a few minutes."""
    parser = command_parser("demo")
    parser.add_argument("--jobs", metavar="N", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("demo"), help="folder (default demo)")
    options = parser.parse_all(words)
    if options.jobs < 1:
        parser.error(f"--jobs is at least 1, got {options.jobs}")
    with result_of(options) as tell:
        return _compare("demo", options.out, DEMO, 3, options.jobs, None, None, tell)


def _names(words: Sequence[str]) -> list[str]:
    """Names that stand between commas or spaces."""
    parts = [name.strip() for word in words for name in word.split(",")]
    return [name for name in parts if name] or parts


def _compare(
    task: str,
    out: Path,
    arms: Sequence[str] | None,
    seeds: int,
    jobs: int,
    data_dir: Path | None,
    slurm: Sequence[str] | None,
    tell: Callable[[dict[str, Any], str], None],
    device: str | None = None,
    tuning_seeds: int | None = None,
) -> int:
    from regrep_paper.experiments import compared
    from regrep_paper.report.arms_page import check_page, comparison_page
    from regrep_paper.runs.manifest import parse_assignments
    from regrep_paper.runs.records import plain, write_atomic

    check_page()  # now, rather than after hours of training
    submitted = None if slurm is None else parse_assignments(slurm)
    code, found = compared.compare_task(
        task,
        out,
        arms=arms,
        seeds=seeds,
        jobs=jobs,
        data_dir=data_dir,
        slurm=submitted,
        device=device,
        tuning_seeds=tuning_seeds,
    )
    if found is not None:
        page = out / "comparison.html"
        write_atomic(page, comparison_page(found))
        data = plain({"verdict": found.verdict, "table": found.table(), "page": page})
        tell(data, f"\n{found}\n\nreport: {page}")
    return code
