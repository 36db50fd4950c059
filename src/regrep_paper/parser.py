"""The parser of every command."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from regrep_paper.suggestions import MisuseError, repair

MISUSED = MisuseError.exit_code
"""Exit code for an invalid command line."""


LEARNED = ("tmnist", "mnist", "cifar10")
"""The exploratory experiments of section 4."""

VOLUMES = ("organ", "nodule", "adrenal", "fracture", "vessel", "synapse")
"""The data sets of MedMNIST3D."""

DATA = ("mnist", "cifar10", *VOLUMES, "smoke")
"""Data sets to download or, for the last one, to simulate."""


class Parser(argparse.ArgumentParser):
    """argparse that reports a mistake in one sentence with the probable fix."""

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
