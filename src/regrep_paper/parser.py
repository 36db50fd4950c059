"""The parser of every command."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

from regrep_paper.suggestions import MisuseError, repair

MISUSED = MisuseError.exit_code
"""Exit code for an invalid command line."""


LEARNED = ("tmnist", "mnist", "cifar10")
"""The exploratory experiments of section 4."""

VOLUMES = ("organ", "nodule", "adrenal", "fracture", "vessel", "synapse")
"""The data sets of MedMNIST3D."""

DATA = ("mnist", "cifar10", *VOLUMES, "smoke")
"""Data sets to download or, for the last one, to simulate."""


HELP = {
    "groups": "elements, table, classes, characters and irreducibles of a group",
    "models": "every network of the tables: latent, parameters, symmetry, the paper's numbers",
    "measure": "how equivariant a trained model is, by group element or by layer",
    "fit": "train a run, or continue it",
    "test": "evaluate a trained run",
    "learn": "learn the representation of a latent and analyse it",
    "sweep": "run every config of a sweep file, or continue a sweep",
    "compare": "which use of a symmetry helps a task of your own, and at what cost",
    "report": "tables and figures of all runs in a folder or a file",
    "watch": "the report of a folder as a live page on this machine, while its runs go on",
    "data": "download or simulate a data set, or verify its files",
    "demo": "what helps embedded digits: a small comparison, with its page",
    "doctor": "what is installed, what is missing, and what needs it",
}
"""Each command with its line of help."""


class Parser(argparse.ArgumentParser):
    """argparse that reports a mistake in one sentence with the probable fix.

    Args:
        prints: add ``--json`` and ``--quiet``, see :func:`result_of`.
        options: as for argparse.
    """

    def __init__(self, *, prints: bool = False, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})
        if prints:
            self.add_argument("--json", action="store_true", help="print the result as JSON, and all else to stderr")
            self.add_argument("--quiet", action="store_true", help="print nothing but errors, and JSON if asked for")

    def parse_all(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all arguments; an unknown option ends the program with exit code 2."""
        known, unknown = self.parse_known_args(words)
        if unknown:
            word = unknown[0]
            if word.startswith("-"):
                options = [name for name in self._option_string_actions if name.startswith("--")]
                self.error(f"there is no option {word}; {repair(word.partition('=')[0], options)}")
            self.error(f"unexpected argument {word}; see {self.prog} --help")
        return known

    def error(self, message: str) -> NoReturn:
        """Print the sentence and end the program."""
        self.exit(MISUSED, f"{self.prog}: {message}\n")


def command_parser(command: str, prints: bool = True) -> Parser:
    """The parser of a command, with its line of help."""
    return Parser(prog=f"regrep {command}", description=HELP[command], prints=prints)


Tell = Callable[..., None]


@contextmanager
def result_of(options: argparse.Namespace) -> Iterator[Tell]:
    """What a command prints: its result as text or as JSON, and what is said on the way to it.

    Gives a function of the result as data and as text (None where the command has already said it). With ``--json``
    the data are the only thing on stdout, and what else is printed goes to stderr; with ``--quiet`` that goes nowhere.

    >>> with result_of(argparse.Namespace(json=True, quiet=True)) as tell:
    ...     print("working")
    ...     tell({"order": 8}, "a group of order 8")
    {"order": 8}
    """
    stdout = sys.stdout

    def tell(data: Any, text: str | None = None) -> None:
        if options.json:
            print(json.dumps(data, ensure_ascii=False, default=str), file=stdout)
        elif text is not None:
            print(text)

    if options.quiet:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield tell
    else:
        with redirect_stdout(sys.stderr if options.json else stdout):
            yield tell


def overview(commands: Mapping[str, str]) -> str:
    """The help text of ``regrep``, from a line of text on each command.

    >>> print(overview({"demo": "a small sweep"}).splitlines()[0])
    usage: regrep COMMAND [OPTIONS]
    """
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {text}" for name, text in commands.items()]
    return "\n".join(
        [
            "usage: regrep COMMAND [OPTIONS]",
            "",
            "Approximate equivariance under any finite group, for any network, by one loss term.",
            "",
            *lines,
            "",
            "regrep COMMAND --help explains a command, regrep --version prints the version.",
        ]
    )


FILES = {
    "data_dir": ("DIR", "folder with data files"),
    "font_a": ("FILE", "first font"),
    "font_b": ("FILE", "second font"),
}
"""Files that a run may have read; their paths are never taken from its folder."""


def add_files(parser: Parser) -> None:
    """Options that give the files of a run again."""
    for name, (kind, what) in FILES.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, metavar=kind, type=Path, help=f"{what}, if the run used one")


def files_of(options: argparse.Namespace) -> dict[str, Path | None]:
    """The given values of these options."""
    return {name: getattr(options, name) for name in FILES}


def svg_file(text: str) -> Path:
    """A file to draw into; another kind of file, or a folder that is not there, is a mistake on the command line.

    >>> svg_file("layers.svg").name
    'layers.svg'
    """
    path = Path(text)
    if path.suffix != ".svg":
        raise argparse.ArgumentTypeError(f"a figure is an SVG file, got {path.name}; name it {path.stem}.svg")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent} for the figure; make it first")
    return path
