"""The command ``regrep``: parses the command line, and imports only what the command needs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from regrep._version import __version__
from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.parser import DATA, LEARNED, MISUSED, VOLUMES, Parser, add_files, files_of, overview, svg_file
from regrep_paper.suggestions import repair

FAILED, INTERRUPTED = 1, 130
"""Exit codes for an error and for Ctrl-C; another signal n ends a command with 128 + n."""

LONG = ("fit", "sweep", "learn", "demo", "data")
"""Commands that take up again what an interrupted one has left."""

CONTINUES = "; the same command goes on"


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code.

    Args:
        words: the command line after the program's name; defaults to that of the process.
    """
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview({name: text for name, (text, _) in COMMANDS.items()}))
        return 0
    if words[0] == "--version":
        print(f"regrep {__version__}")
        return 0
    name, *rest = words
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        print(f"regrep: there is no {what} {name}; {repair(name, COMMANDS)}", file=sys.stderr)
        return MISUSED
    from regrep_paper.runs.children import follow_parent
    from regrep_paper.runs.stopping import Stopped, stopping

    follow_parent()
    try:
        with stopping():
            return COMMANDS[name][1](rest)
    except (RegrepError, MissingExtraError) as error:
        print(f"regrep {name}: {error}", file=sys.stderr)
        return getattr(error, "exit_code", FAILED)
    except ModuleNotFoundError as error:
        from regrep_paper.doctor import extra_of

        extra = extra_of(error.name)
        if extra is None:
            raise
        print(f"regrep {name}: {MissingExtraError(extra)}", file=sys.stderr)
        return FAILED
    except (Stopped, KeyboardInterrupt) as stop:
        with suppress(OSError):  # of a terminal that was closed
            print(f"regrep {name}: stopped{CONTINUES if name in LONG else ''}", file=sys.stderr, flush=True)
        return stop.exit_code if isinstance(stop, Stopped) else INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as head, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, where no file is written that a part of the program answers for
        with suppress(OSError):
            print(f"regrep {name}: the system refused a file ({error}); mend that and run it again", file=sys.stderr)
        return FAILED


def groups(words: Sequence[str]) -> int:
    """``regrep groups NAME``: describe a group."""
    parser = _parser("groups")
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a name from the catalogue (C6, D4, S4, A5, Q8, O), a product (D4xD4) or a presentation"
        ' ("<r,s | r^4, s^2, (r s)^2>")',
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    options = parser.parse_all(words)

    from regrep.groups import parse
    from regrep.groups.description import describe, describe_json

    group = parse(options.name)
    print(json.dumps(describe_json(group), ensure_ascii=False) if options.json else describe(group))
    return 0


def models(words: Sequence[str]) -> int:
    """``regrep models``: every network of the tables, with the paper's numbers for comparison."""
    parser = _parser("models")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    options = parser.parse_all(words)

    from regrep_paper.report import models as found

    print(json.dumps(found.models(), ensure_ascii=False) if options.json else found.models_text())
    return 0


def measure(words: Sequence[str]) -> int:
    """``regrep measure RUN``: how equivariant a trained model is, and where it loses equivariance."""
    parser = _parser("measure")
    parser.add_argument("run", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument("--samples", metavar="N", type=int, help="validation samples (default 256, with --layers 1024)")
    parser.add_argument("--layers", action="store_true", help="measure every layer, to see where equivariance is lost")
    parser.add_argument("--figure", metavar="FILE.svg", type=svg_file, help="with --layers, also draw a figure")
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    options = parser.parse_all(words)
    if options.figure:
        if not options.layers:
            parser.error("--figure draws the layers of a network; add --layers, or leave it out")
        from regrep_paper.report.layer_profile import (
            write_figure,
        )  # first, so that a missing matplotlib is noticed at once

    from regrep_paper.experiments import fit as runs

    measured = runs.measure_layers if options.layers else runs.measure
    found = measured(options.run, options.samples, files_of(options))
    if options.figure:
        write_figure(options.figure, found.as_dict(), options.run.name)
    print(json.dumps(found.as_dict(), ensure_ascii=False) if options.json else found)
    return 0


def fit(words: Sequence[str]) -> int:
    """``regrep fit EXPERIMENT``: train one run, or continue it."""
    name, options = _experiment("fit", words)

    from regrep_paper.experiments.fit import fit as run

    run(name, options)
    return 0


def evaluate(words: Sequence[str]) -> int:
    """``regrep test RUN`` or ``regrep test EXPERIMENT``: evaluate the best checkpoint of a run."""
    if not words or not (Path(words[0]).is_dir() or os.sep in words[0] or "--averaged" in words):
        name, settings = _experiment("test", words, "regrep test RUN [--averaged] [--out DIR]")

        from regrep_paper.experiments.fit import test

        test(name, settings)
        return 0
    parser = _parser("test")
    parser.add_argument("run", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument(
        "--averaged", action="store_true", help="test the average over the group, recorded as a separate run"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of that run (default RUN-averaged)")
    add_files(parser)
    options = parser.parse_all(words)
    if options.out and not options.averaged:
        parser.error("--out is the folder of an averaged run; add --averaged, or leave it out")

    if options.averaged:
        from regrep_paper.experiments.averaged import test_averaged

        test_averaged(options.run, options.out, files_of(options))
    else:
        from regrep_paper.experiments.fit import test_run

        test_run(options.run, files_of(options))
    return 0


def _add_settings(parser: Parser, text: str) -> None:
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=text)


def sweep(words: Sequence[str]) -> int:
    """``regrep sweep FILE``: run all configs of a sweep file, or continue a sweep."""
    parser = _parser("sweep")
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a sweep file (YAML), or a packaged sweep such as ddmnist/table4"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check and print the configs and their states without running any"
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
    from regrep_paper.runs.manifest import parse_assignments
    from regrep_paper.tables.sweeps import sweep_file

    check: Callable[[Sequence[str]], None] | None = None
    if options.dry_run:
        from regrep_paper.experiments import fit as runs

        check = runs.check
    return sweeps.sweep(
        sweep_file(options.file),
        experiments,
        out=options.out,
        data_dir=options.data_dir,
        jobs=options.jobs,
        settings=parse_assignments(options.set),
        slurm=None if options.slurm is None else parse_assignments(options.slurm),
        dry_run=options.dry_run,
        check=check,
    )


def learn(words: Sequence[str]) -> int:
    """``regrep learn EXPERIMENT``: learn the representation of a latent several times and analyse it."""
    parser = _parser("learn")
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
    if options.runs < 1:
        parser.error(f"--runs is at least 1, got {options.runs}")
    fonts = {key: str(path) for key, path in (("font_a", options.font_a), ("font_b", options.font_b)) if path}
    if fonts and options.experiment != "tmnist":
        parser.error(f"only tmnist uses fonts, not {options.experiment}; leave out --font-a and --font-b")

    from importlib.resources import as_file, files

    from regrep_paper import tables as experiments
    from regrep_paper.experiments.fit import check
    from regrep_paper.runs import sweep as sweeps
    from regrep_paper.runs.manifest import parse_assignments, read_manifest

    out = options.out or Path("runs") / f"learn-{options.experiment}"
    settings = {"seed": list(range(options.runs)), **fonts, **parse_assignments(options.set)}
    with as_file(files("regrep_paper.tables") / "sweeps" / "learning" / f"{options.experiment}.yaml") as file:
        for config in read_manifest(file, experiments.check_config).configs({**settings, "seed": 0}):
            check(experiments.config_command(config, out, options.data_dir))
        code = sweeps.sweep(file, experiments, out=out, data_dir=options.data_dir, jobs=options.jobs, settings=settings)
    return code or _report(out, drawn=False)


def report(words: Sequence[str]) -> int:
    """``regrep report RUNS``: tables and figures of all runs in a folder or a file of records."""
    parser = _parser("report")
    parser.add_argument("runs", metavar="RUNS", type=Path, help="folder of run folders, or a .jsonl file of records")
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, help="where to write (default RUNS/report)")
    options = parser.parse_all(words)
    return _report(options.runs, options.out)


def data(words: Sequence[str]) -> int:
    """``regrep data NAME``: download or simulate a data set, or verify its files."""
    parser = _parser("data")
    parser.usage = "regrep data NAME [OPTIONS]"
    parser.epilog = "regrep data NAME --help lists the options of a data set"
    parser.add_argument("name", metavar="NAME", help=", ".join(DATA))
    name = parser.parse_args(words[:1]).name
    if name not in DATA:
        parser.error(f"there is no data set {name} to download; {repair(name, DATA)}")
    return _smoke(words[1:]) if name == "smoke" else _downloaded(name, words[1:])


def _downloaded(name: str, words: Sequence[str]) -> int:
    parser = Parser(prog=f"regrep data {name}", description=f"download {name}, or verify its files", allow_abbrev=False)
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="folder of its files")
    if name in VOLUMES:
        parser.add_argument("--size", metavar="N", type=int, default=28, help="side of the volumes, 28 (default) or 64")
    options = parser.parse_all(words)

    from regrep_paper.runs.data_folder import data_folder

    if name == "mnist":
        from regrep_paper.data.downloads import mnist

        parts, files = mnist(options.data_dir)
        sizes = {part: len(labels) for part, (_, labels) in parts.items()}
    elif name == "cifar10":
        from regrep_paper.data.cifar10 import cifar10

        images = cifar10(options.data_dir)
        files, sizes = images.files, {"train": len(images.train), "test": len(images.test)}
    else:
        from regrep_paper.data.medmnist import medmnist3d

        found = medmnist3d(name, options.size, options.data_dir)
        files, sizes = found.files, {str(part): len(labels) for part, labels in found.labels.items()}
    for file, record in files.items():
        print(f"{record['md5']}  {data_folder(options.data_dir) / file}")
    print("verified: " + ", ".join(f"{count} {part}" for part, count in sizes.items()))
    return 0


def _smoke(words: Sequence[str]) -> int:
    parser = Parser(
        prog="regrep data smoke", description="simulate SMOKE, or the missing part of it", allow_abbrev=False
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the simulations")
    parser.add_argument("--size", metavar="N", type=int, default=64, help="points along a side (default 64)")
    parser.add_argument("--frames", metavar="N", type=int, default=309, help="frames of each simulation (default 309)")
    parser.add_argument(
        "--simulations", metavar="N", type=int, default=36, help="number of simulations, of 36 (default all)"
    )
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="processes (default 1)")
    options = parser.parse_all(words)
    if options.jobs < 1:
        parser.error(f"--jobs is at least 1, got {options.jobs}")

    from regrep_paper.data.smoke_files import generate, load

    generate(options.out, options.size, options.frames, options.simulations, options.jobs)
    found = load(options.out)
    print(f"verified: {len(found.velocity)} simulations of {found.frames} frames of {found.size} x {found.size}")
    return 0


def demo(words: Sequence[str]) -> int:
    """``regrep demo``: a small sweep on embedded digits, with its report."""
    parser = _parser("demo")
    parser.add_argument("--jobs", metavar="N", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("demo"), help="folder (default demo)")
    options = parser.parse_all(words)

    from importlib.resources import as_file, files

    from regrep_paper import tables as experiments
    from regrep_paper.runs import sweep as sweeps

    with as_file(files("regrep_paper.tables") / "sweeps" / "ddmnist" / "demo.yaml") as file:
        code = sweeps.sweep(file, experiments, out=options.out, jobs=options.jobs)
    return code or _report(options.out, drawn=False)


def doctor(words: Sequence[str]) -> int:
    """``regrep doctor``: what is installed, what is missing, and which commands need it."""
    _parser("doctor").parse_all(words)

    from regrep_paper.doctor import examine

    print(examine())
    return 0


COMMANDS: dict[str, tuple[str, Callable[[Sequence[str]], int]]] = {
    "groups": ("elements, table, classes, characters and irreducibles of a group", groups),
    "models": ("every network of the tables: latent, parameters, symmetry, the paper's numbers", models),
    "measure": ("how equivariant a trained model is, by group element or by layer", measure),
    "fit": ("train a run, or continue it", fit),
    "test": ("evaluate a trained run", evaluate),
    "learn": ("learn the representation of a latent and analyse it", learn),
    "sweep": ("run every config of a sweep file, or continue a sweep", sweep),
    "report": ("tables and figures of all runs in a folder or a file", report),
    "data": ("download or simulate a data set, or verify its files", data),
    "demo": ("a small sweep on embedded digits, with its report", demo),
    "doctor": ("what is installed, what is missing, and what needs it", doctor),
}
"""Each command with its line of help."""


def _parser(command: str) -> Parser:
    return Parser(prog=f"regrep {command}", description=COMMANDS[command][0], allow_abbrev=False)


def _experiment(command: str, words: Sequence[str], *usages: str) -> tuple[str, list[str]]:
    """The experiment's name, which comes first, and the arguments after it; ``usages`` lists further forms."""
    parser = _parser(command)
    parser.usage = "\n       ".join([f"regrep {command} EXPERIMENT [OPTIONS]", *usages])
    parser.epilog = f"regrep {command} EXPERIMENT --help lists the options of an experiment"
    parser.add_argument("experiment", metavar="EXPERIMENT", help="for example ddmnist")
    name = parser.parse_args(words[:1]).experiment
    from regrep_paper.tables.index import EXPERIMENTS

    if name not in EXPERIMENTS:
        parser.error(f"there is no experiment {name}; {repair(name, EXPERIMENTS)}")
    return name, list(words[1:])


def _report(runs: Path, out: Path | None = None, drawn: bool = True) -> int:
    """Make a report; unless it has to be drawn, the tables are enough where the packages for figures are missing."""
    from regrep_paper.report import build

    try:
        made = build(runs, out)
    except MissingExtraError as error:
        if drawn:
            raise
        print(f"tables: {(out or runs / 'report') / 'table.md'}; for figures: {error}")
        return 0
    print(made.text)
    print(f"report: {made.page}")
    return 0
