"""Commands that train: fit, test, learn, sweep."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from regrep_paper.commands.answers import reported
from regrep_paper.parser import LEARNED, Parser, add_files, command_parser, files_of, result_of
from regrep_paper.suggestions import repair

ABOUT = {
    "ddmnist": "pairs of digits (Table 4)",
    "medmnist3d": "medical volumes, or polycubes (Table 5)",
    "smoke": "forecasts of smoke (Table 6)",
    "single-digits": "what penalties and their controls do, in minutes a run",
    "tmnist": "learned representation of digits in two fonts (Table 1)",
    "mnist": "learned representation of digits (Table 2)",
    "cifar10": "learned representation of colour images (Table 3)",
}
"""What each experiment is, in ``--help``."""

MOST_RUNS = 1000
"""Of one ``regrep learn``."""


def fit(words: Sequence[str]) -> int:
    """``regrep fit EXPERIMENT``: train one run, or continue it."""
    name, settings, options = _experiment("fit", words)
    with result_of(options) as tell:
        from regrep_paper.experiments.fit import fit as run

        tell(run(name, settings))
    return 0


def evaluate(words: Sequence[str]) -> int:
    """``regrep test RUN`` or ``regrep test EXPERIMENT``: evaluate the best checkpoint of a run."""
    if not words or not (Path(words[0]).is_dir() or os.sep in words[0] or "--averaged" in words):
        name, settings, options = _experiment("test", words, "regrep test RUN [--averaged] [--out DIR]")
        with result_of(options) as tell:
            from regrep_paper.experiments.fit import test

            tell(test(name, settings))
        return 0
    parser = command_parser("test")
    parser.add_argument("run", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument(
        "--averaged", action="store_true", help="test the average over the group, recorded as a separate run"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of that run (default RUN-averaged)")
    add_files(parser)
    options = parser.parse_all(words)
    if options.out and not options.averaged:
        parser.error("--out is the folder of an averaged run; add --averaged, or leave it out")

    with result_of(options) as tell:
        if options.averaged:
            from regrep_paper.experiments.averaged import test_averaged

            tell(test_averaged(options.run, options.out, files_of(options)))
        else:
            from regrep_paper.experiments.fit import test_run

            tell(test_run(options.run, files_of(options)))
    return 0


def _add_settings(parser: Parser, text: str) -> None:
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=text)


def sweep(words: Sequence[str]) -> int:
    """``regrep sweep FILE``: run all configs of a sweep file, or continue a sweep."""
    parser = command_parser("sweep")
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a sweep file (YAML), or a packaged sweep such as ddmnist/table4"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the configs with their states and about how long they take, and check them, without running any",
    )
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="runs at a time (default 1)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of the runs, overriding the file's")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="folder with data files")
    _add_settings(parser, "a setting for all configs (repeatable); a list makes several configs")
    parser.add_argument(
        "--slurm",
        metavar="KEY=VALUE",
        nargs="*",
        help="submit to Slurm with these options, for example partition=gpu gpus_per_node=1 timeout_min=240",
    )
    options = parser.parse_all(words)

    from regrep_paper import tables as experiments
    from regrep_paper.runs import sweep as sweeps
    from regrep_paper.runs.checks import check_runs
    from regrep_paper.runs.manifest import parse_assignments
    from regrep_paper.runs.outlook import Outlook
    from regrep_paper.tables.sweeps import sweep_file

    with result_of(options) as tell:
        folder, runs = sweeps.planned(
            sweep_file(options.file), experiments, options.out, options.data_dir, parse_assignments(options.set)
        )
        if options.dry_run:
            outlook = Outlook(runs)
            print(sweeps.plan_text(runs, folder), outlook.text(options.jobs), sep="\n", flush=True)
            check_runs(runs, experiments, _check, options.data_dir)
            tell({**sweeps.plan_dict(runs, folder), "seconds": outlook.seconds})
            return 0
        slurm = None if options.slurm is None else parse_assignments(options.slurm)
        code = sweeps.start(runs, folder, options.jobs, slurm)
        tell(sweeps.plan_dict(runs, folder))
    return code


def _check(command: Sequence[str]) -> None:
    from regrep_paper.experiments.fit import check  # Lightning, which takes seconds to load

    check(command)


def learn(words: Sequence[str]) -> int:
    """``regrep learn EXPERIMENT``: learn the representation of a latent several times and analyse it."""
    parser = command_parser("learn")
    parser.add_argument("experiment", metavar="EXPERIMENT", help="tmnist, mnist or cifar10")
    parser.add_argument("--runs", metavar="N", type=int, default=5, help="runs, with seeds 0 to N-1 (default 5)")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="runs at a time (default 1)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder (default runs/learn-EXPERIMENT)")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="folder with data files")
    parser.add_argument("--font-a", metavar="FILE", type=Path, help="first font of tmnist (default: an embedded one)")
    parser.add_argument("--font-b", metavar="FILE", type=Path, help="second font of tmnist")
    _add_settings(parser, "a setting (repeatable); a list makes several runs, for example init=[identity,orthogonal]")
    options = parser.parse_all(words)
    if options.experiment not in LEARNED:
        parser.error(f"there is no experiment {options.experiment}; {repair(options.experiment, LEARNED)}")
    if not 1 <= options.runs <= MOST_RUNS:
        parser.error(f"--runs is from 1 to {MOST_RUNS}, got {options.runs}")
    fonts = {key: str(path) for key, path in (("font_a", options.font_a), ("font_b", options.font_b)) if path}
    if fonts and options.experiment != "tmnist":
        parser.error(f"only tmnist uses fonts, not {options.experiment}; leave out --font-a and --font-b")

    from importlib.resources import as_file, files

    from regrep_paper import tables as experiments
    from regrep_paper.runs import sweep as sweeps
    from regrep_paper.runs.manifest import parse_assignments, read_manifest

    out = options.out or Path("runs") / f"learn-{options.experiment}"
    settings = {"seed": list(range(options.runs)), **fonts, **parse_assignments(options.set)}
    with (
        result_of(options) as tell,
        as_file(files("regrep_paper.tables") / "sweeps" / "learning" / f"{options.experiment}.yaml") as file,
    ):
        for config in read_manifest(file, experiments.check_config).configs({**settings, "seed": 0}):
            _check(experiments.config_command(config, out, options.data_dir))
        code = sweeps.sweep(file, experiments, out=out, data_dir=options.data_dir, jobs=options.jobs, settings=settings)
        if not code:
            tell(*reported(out, drawn=False))
    return code


def _experiment(command: str, words: Sequence[str], *usages: str) -> tuple[str, list[str], argparse.Namespace]:
    """The experiment's name, which comes first, and the arguments after it; ``usages`` lists further forms.

    ``--json`` and ``--quiet`` are ours, wherever they stand; the other options are the experiment's.
    """
    from regrep_paper.tables.index import DEFINITIONS, EXPERIMENTS

    parser = command_parser(command)
    parser.usage = "\n       ".join([f"regrep {command} EXPERIMENT [OPTIONS]", *usages])
    width = max(map(len, EXPERIMENTS))
    lines = [f"  {name:{width}}  {ABOUT.get(name, DEFINITIONS[name].columns.title)}" for name in EXPERIMENTS]
    parser.epilog = "\n".join(
        ["experiments:", *lines, "", f"regrep {command} EXPERIMENT --help lists the options of an experiment"]
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("experiment", metavar="EXPERIMENT", help="one of those below")
    ours = [word for word in words if word in ("--json", "--quiet")]
    theirs = [word for word in words if word not in ours]
    options = parser.parse_args([*theirs[:1], *ours])
    if options.experiment not in EXPERIMENTS:
        parser.error(f"there is no experiment {options.experiment}; {repair(options.experiment, EXPERIMENTS)}")
    return options.experiment, theirs[1:], options
