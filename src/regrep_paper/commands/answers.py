"""Commands that answer at once: groups, models, measure, report, doctor; and watch, which goes on answering."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regrep.errors import MissingExtraError
from regrep_paper.parser import add_files, command_parser, files_of, result_of, svg_file


def groups(words: Sequence[str]) -> int:
    """``regrep groups NAME``: describe a group."""
    parser = command_parser("groups")
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a name from the catalogue (C6, D4, S4, A5, Q8), a point group (Oh, C4v, m-3m), a product (D4xD4)"
        ' or a presentation ("<r,s | r^4, s^2, (r s)^2>")',
    )
    symbols = [word for word in words if word[:1] == "-" and word[1:2].isdigit()]  # -43m is a name and no option
    rest = [word for word in words if word not in symbols]
    options = parser.parse_all([*rest, "--", *symbols] if symbols else rest)

    from regrep.groups import parse
    from regrep.groups.description import describe, describe_json

    group = parse(options.name)
    with result_of(options) as tell:
        tell(describe_json(group), describe(group))
    return 0


def models(words: Sequence[str]) -> int:
    """``regrep models``: every network of the tables, with the paper's numbers for comparison."""
    parser = command_parser("models")
    parser.add_argument(
        "--width", metavar="N", type=int, help="columns of the text (default: those of the terminal, or 80)"
    )
    options = parser.parse_all(words)

    from regrep_paper.report import models as found

    if options.width is not None and options.width < found.NARROWEST:
        parser.error(f"--width counts columns, at least {found.NARROWEST}, got {options.width}")

    with result_of(options) as tell:
        tell(found.models(), found.models_text(options.width))
    return 0


def measure(words: Sequence[str]) -> int:
    """``regrep measure RUN``: how equivariant a trained model is, and where it loses equivariance."""
    parser = command_parser("measure")
    parser.add_argument("run", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument("--samples", metavar="N", type=int, help="validation samples (default 256, with --layers 1024)")
    parser.add_argument("--layers", action="store_true", help="measure every layer, to see where equivariance is lost")
    parser.add_argument("--figure", metavar="FILE.svg", type=svg_file, help="with --layers, also draw a figure")
    add_files(parser)
    options = parser.parse_all(words)
    if options.figure:
        if not options.layers:
            parser.error("--figure draws the layers of a network; add --layers, or leave it out")
        from regrep_paper.report.layer_profile import (
            write_figure,
        )  # first, so that a missing matplotlib is noticed at once

    from regrep_paper.experiments import fit as runs

    measured = runs.measure_layers if options.layers else runs.measure
    with result_of(options) as tell:
        found = measured(options.run, options.samples, files_of(options))
        if options.figure:
            write_figure(options.figure, found.as_dict(), options.run.name)
        tell(found.as_dict(), str(found))
    return 0


def report(words: Sequence[str]) -> int:
    """``regrep report RUNS``: tables and figures of all runs in a folder or a file of records."""
    parser = command_parser("report")
    parser.add_argument("runs", metavar="RUNS", type=Path, help="folder of run folders, or a .jsonl file of records")
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, help="where to write (default RUNS/report)")
    options = parser.parse_all(words)
    with result_of(options) as tell:
        tell(*reported(options.runs, options.out))
    return 0


def watch(words: Sequence[str]) -> int:
    """``regrep watch FOLDER``: the report as a live page, made anew while runs go on."""
    parser = command_parser("watch")
    parser.add_argument("runs", metavar="RUNS", type=Path, help="folder of run folders, or a .jsonl file of records")
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, help="folder of the report (default RUNS/report)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of 127.0.0.1 (default: a free one)")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="between two looks (default 5)")
    options = parser.parse_all(words)
    if not 0.1 <= options.every <= 86400:
        parser.error(f"--every is a number of seconds from 0.1 to 86400, got {options.every:g}")

    from regrep_paper.report.live import watch as live

    live(options.runs, options.out, options.port, options.every, lambda text: print(text, flush=True))
    return 0


def doctor(words: Sequence[str]) -> int:
    """``regrep doctor``: what is installed, what is missing, and which commands need it."""
    options = command_parser("doctor").parse_all(words)

    from regrep_paper.doctor import examine, lines

    with result_of(options) as tell:
        tell(dict(lines()), examine())
    return 0


def reported(runs: Path, out: Path | None = None, drawn: bool = True) -> tuple[dict[str, Any], str]:
    """Make a report; its files and rows, and the same as text.

    Unless it has to be drawn, the tables are enough where the packages for figures are missing.
    """
    from regrep_paper.report import build
    from regrep_paper.report.page import report_folder

    folder = report_folder(runs) if out is None else out
    try:
        made = build(runs, out)
    except MissingExtraError as error:
        if drawn:
            raise
        found: dict[str, Any] = {"page": None, "figures": []}
        text = f"tables: {folder / 'table.md'}; for figures: {error}"
    else:
        found = {"page": str(made.page), "figures": [str(file) for file in made.figures]}
        text = f"{made.text}\nreport: {made.page}"
    comparison = runs / "comparison.html"  # of regrep compare: its table says more than that of the single runs
    if comparison.is_file():
        text += f"\ncomparison, with its verdict: {comparison}"
    rows = csv.DictReader(io.StringIO((folder / "table.csv").read_text(encoding="utf-8")))
    return {"folder": str(folder), **found, "rows": list(rows)}, text
