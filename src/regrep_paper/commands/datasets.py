"""``regrep data``: data sets that are downloaded or simulated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regrep_paper.parser import DATA, VOLUMES, Parser, command_parser, result_of
from regrep_paper.suggestions import repair


def data(words: Sequence[str]) -> int:
    """``regrep data NAME``: download or simulate a data set, or verify its files."""
    parser = command_parser("data", prints=False)
    parser.usage = "regrep data NAME [OPTIONS]"
    parser.epilog = "regrep data NAME --help lists the options of a data set"
    parser.add_argument("name", metavar="NAME", help=", ".join(DATA))
    name = parser.parse_args(words[:1]).name
    if name not in DATA:
        parser.error(f"there is no data set {name} to download; {repair(name, DATA)}")
    return _smoke(words[1:]) if name == "smoke" else _downloaded(name, words[1:])


def _downloaded(name: str, words: Sequence[str]) -> int:
    parser = Parser(prog=f"regrep data {name}", description=f"download {name}, or verify its files", prints=True)
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="folder of its files")
    if name in VOLUMES:
        parser.add_argument("--size", metavar="N", type=int, default=28, help="side of the volumes, 28 (default) or 64")
    options = parser.parse_all(words)

    from regrep_paper.runs.data_folder import data_folder

    with result_of(options) as tell:
        files, sizes = _verified(name, options.data_dir, getattr(options, "size", 28))
        folder = data_folder(options.data_dir)
        sums = {str(folder / file): record["md5"] for file, record in files.items()}
        lines = [f"{md5}  {file}" for file, md5 in sums.items()]
        counts = ", ".join(f"{count} {part}" for part, count in sizes.items())
        tell({"files": sums, "sizes": sizes}, "\n".join([*lines, f"verified: {counts}"]))
    return 0


def _verified(name: str, data_dir: Path | None, size: Any) -> tuple[dict[str, dict[str, str]], dict[str, int]]:
    """The files with checksums, and the number of samples in each part."""
    if name == "mnist":
        from regrep_paper.data.downloads import mnist

        parts, files = mnist(data_dir)
        return files, {part: len(labels) for part, (_, labels) in parts.items()}
    if name == "cifar10":
        from regrep_paper.data.cifar10 import cifar10

        images = cifar10(data_dir)
        return images.files, {"train": len(images.train), "test": len(images.test)}
    from regrep_paper.data.medmnist import medmnist3d

    found = medmnist3d(name, size, data_dir)
    return found.files, {str(part): len(labels) for part, labels in found.labels.items()}


def _smoke(words: Sequence[str]) -> int:
    parser = Parser(prog="regrep data smoke", description="simulate SMOKE, or the missing part of it", prints=True)
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

    with result_of(options) as tell:
        generate(options.out, options.size, options.frames, options.simulations, options.jobs)
        found = load(options.out)
        simulations = len(found.velocity)
        tell(
            {"simulations": simulations, "frames": found.frames, "size": found.size},
            f"verified: {simulations} simulations of {found.frames} frames of {found.size} x {found.size}",
        )
    return 0
