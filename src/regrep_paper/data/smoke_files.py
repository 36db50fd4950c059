"""SMOKE: one array of velocities per simulation, generated here or published."""

from __future__ import annotations

import hashlib
import io
import json
import math
import multiprocessing
import re
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regrep._version import __version__
from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.data.downloads import checksum
from regrep_paper.data.smoke_simulation import SIMULATIONS, published_plume, simulate
from regrep_paper.runs.children import follow_line
from regrep_paper.runs.executors import without_current_folder
from regrep_paper.runs.kept import kept
from regrep_paper.runs.records import FORMAT, RunFolder, read_json, write_atomic

TRAIN = (
    *(27, 33, 3, 28, 9, 12, 22, 8, 30, 25, 16, 11, 23),
    *(29, 36, 26, 1, 35, 19, 34, 4, 2, 7, 31, 17),
)
"""Simulations for training, validation and the test split Future, as published."""

DOMAIN = (6, 14, 15, 10, 18, 20, 24, 13, 21, 5)
"""Simulations held out for the test split Domain, as published; 32 is in neither list."""

INDEX = "smoke.json"
"""File next to the arrays that says what they are and how they were made."""

KEYS = ("format", "size", "frames", "layout", "rows", "boundary", "versions", "simulations")
"""Entries of the index."""

LAYOUT = "float32 [frame, (vx, vy), y, x], row index along +y, components at the lower faces of their cells"

TOGETHER = 4 * 64**2
"""Cells computed together, 4 simulations of 64 x 64: 40 % cheaper than one by one, and the most that a kill loses."""

PUBLISHED_FILE = re.compile(r"raw_data_(\d+)_(\d+)\.(pt|npy)")


@dataclass(frozen=True)
class Simulations:
    """Velocities of simulations, by their published number.

    Attributes:
        velocity: float32 [frames, 2, H, H] each, mapped from the files.
        files: md5 checksum of each file.
        equivariance: errors of the simulator under the quarter turns ``TURNS``, if they were generated with the set.
    """

    velocity: dict[int, Tensor]
    files: dict[str, dict[str, str]]
    equivariance: dict[int, list[float]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Cells along a side."""
        return next(iter(self.velocity.values())).shape[-1]

    @property
    def frames(self) -> int:
        """Frames of every simulation."""
        return len(next(iter(self.velocity.values())))

    def numbers(self, which: Sequence[int]) -> list[int]:
        """The available ones of ``which``, in that order."""
        return [number for number in which if number in self.velocity]


def say(line: str) -> None:
    """Print a line immediately, also into a log."""
    print(line, flush=True)


def selection(count: int) -> list[int]:
    """The simulations of a smaller set: 2 of 7 are held out, like 10 of 35 in the published set, and at least one.

    A larger set contains every smaller one.

    Raises:
        RegrepError: fewer than 2 or more than 36.

    >>> selection(4), len(selection(35)), selection(36)[-1]
    ([27, 33, 3, 6], 35, 32)
    """
    if not 2 <= count <= SIMULATIONS:
        raise RegrepError(f"a set has from 2 to {SIMULATIONS} simulations, got {count}")
    held = min(len(DOMAIN), max(1, round(count * 2 / 7)))
    trained = min(len(TRAIN), count - held)
    rest = [32] if count == SIMULATIONS else []
    return [*TRAIN[:trained], *DOMAIN[:held], *rest]


def generate(
    out: Path | str,
    size: int = 64,
    frames: int = 309,
    simulations: int = SIMULATIONS,
    jobs: int = 1,
    progress: Callable[[str], None] = say,
) -> Path:
    """Simulate a set, or the missing part of it; a complete set is left alone.

    Each array is written atomically and then entered into the index with its checksum; after a kill, arrays that are
    not in the index are computed again.

    Args:
        out: folder of ``smoke.json`` and one .npy file per simulation.
        size: points along a side.
        frames: frames of each simulation.
        simulations: how many of the 36 published ones, see :func:`selection`.
        jobs: number of processes.
        progress: called with lines of progress.

    Returns:
        The folder.

    Raises:
        RegrepError: the folder holds a set of another size, or another process is using it.
        MissingExtraError: PhiFlow is not installed.
    """
    out, chosen = Path(out), selection(simulations)
    if not _missing(chosen, _index(out, size, frames)):
        return out
    with RunFolder(out).lock():
        index = _index(out, size, frames)
        for unfinished in out.glob(".*.part"):  # of a process that was killed while it wrote
            unfinished.unlink(missing_ok=True)
        todo = _missing(chosen, index)
        several = max(1, min(TOGETHER // max(1, size) ** 2, math.ceil(len(todo) / jobs)))
        parts = [todo[k : k + several] for k in range(0, len(todo), several)]
        work = partial(_simulated, size=size, frames=frames, progress=progress)
        with closing(_results(parts, work, jobs)) as found:
            for part, results in found:
                for number, (velocity, entry) in zip(part, results, strict=True):
                    write_atomic(out / entry["file"], velocity)
                    index["simulations"][str(number)] = entry
                write_atomic(out / INDEX, json.dumps(index | {"md5": _seal(index)}, indent=2) + "\n")
                progress(f"{len(chosen) - len(_missing(chosen, index))} of {len(chosen)} simulations are in {out}")
    return out


@kept
def load(folder: Path | str) -> Simulations:
    """Read a set of simulations: a generated one by its index, or the published files.

    A folder without ``smoke.json`` has files ``raw_data_<number>_<side>.pt`` (a tensor, read with
    ``weights_only=True``) or the same as .npy, each [frames, 2, H, H] with the layout of the generated ones.

    Raises:
        RegrepError: no file, an altered file, or arrays that are not square fields of the same shape.
    """
    folder = Path(folder).expanduser()
    if (folder / INDEX).exists():
        entries = _read_index(folder)["simulations"]
        named = {int(number): folder / entry["file"] for number, entry in entries.items()}
    else:
        entries = {}
        found = {path: PUBLISHED_FILE.fullmatch(path.name) for path in sorted(folder.glob("raw_data_*"))}
        named = {int(match[1]): path for path, match in found.items() if match}
    if not named:
        raise RegrepError(
            f"{folder} holds no simulations: neither {INDEX} nor raw_data_<number>_<side>.pt;"
            f" make some with regrep data smoke --out {folder}"
        )
    velocity, files = {}, {}
    for number, path in sorted(named.items()):
        velocity[number] = _read(path)
        files[path.name] = {"md5": checksum(path)}
        if entries and files[path.name]["md5"] != entries[str(number)]["md5"]:
            raise RegrepError(
                f"{path} is truncated or altered: its md5 checksum should be {entries[str(number)]['md5']} but is"
                f" {files[path.name]['md5']}; delete it with {INDEX} and make the set again"
            )
    shapes = {tuple(one.shape) for one in velocity.values()}
    if len(shapes) > 1:
        raise RegrepError(
            f"all simulations of a set have the same shape, but {folder} holds {', '.join(map(str, sorted(shapes)))};"
            " keep those of one shape"
        )
    turned = {int(number): entry["equivariance"] for number, entry in entries.items() if "equivariance" in entry}
    return Simulations(velocity, files, turned)


def centred(faces: Tensor) -> Tensor:
    """Velocity at cell centres from velocity at lower faces: the mean of both faces; beyond the last ones are walls.

    Both components are then at the same point and quarter turns are exact; at faces they are half a cell apart.

    Args:
        faces: [..., 2, H, W].

    >>> centred(torch.ones(2, 1, 3)).tolist()  # vx between a wall on the right, vy below a wall
    [[[1.0, 1.0, 0.5]], [[0.5, 0.5, 0.5]]]
    """
    x, y = faces[..., 0, :, :], faces[..., 1, :, :]
    right = torch.nn.functional.pad(x[..., 1:], (0, 1))
    upper = torch.nn.functional.pad(y[..., 1:, :], (0, 0, 0, 1))
    return torch.stack([(x + right) / 2, (y + upper) / 2], dim=-3)


def _read(path: Path) -> Tensor:
    try:
        if path.suffix == ".npy":
            # copy on write: pages are read when needed, and the file stays unchanged
            velocity = torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
        else:
            velocity = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as cause:  # readers of broken files raise errors of many kinds
        raise RegrepError(f"{path} cannot be read ({' '.join(str(cause).split())[:120]}); replace it") from cause
    if (
        not isinstance(velocity, Tensor)
        or velocity.dim() != 4
        or velocity.shape[1] != 2
        or velocity.shape[2] != velocity.shape[3]
        or velocity.dtype != torch.float32
    ):
        found = f"{velocity.dtype} {list(velocity.shape)}" if isinstance(velocity, Tensor) else type(velocity).__name__
        raise RegrepError(f"{path} should hold {LAYOUT}, on a square, but holds {found}; replace it")
    return velocity


def _read_index(folder: Path) -> dict[str, Any]:
    """The index as it was written: with its own checksum, unless it is older than those."""
    index = read_json(folder / INDEX)
    if index.keys() - {*KEYS, "md5"} or index.get("md5") not in (None, _seal(index)):
        raise RegrepError(
            f"{folder / INDEX} is altered: its content does not have its md5 checksum; delete it and make the set again"
        )
    return index


def _seal(index: dict[str, Any]) -> str:
    """The md5 checksum of an index apart from this entry; it detects accidents, not forgery."""
    content = json.dumps({key: value for key, value in index.items() if key != "md5"}, sort_keys=True)
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


def _index(out: Path, size: int, frames: int) -> dict[str, Any]:
    """The current index, without entries whose file is gone."""
    if not (out / INDEX).exists():
        try:
            solver = {name: metadata.version(name) for name in ("phiflow", "phiml")}
        except metadata.PackageNotFoundError as cause:
            raise MissingExtraError("sim") from cause
        return {
            "format": FORMAT,
            "size": size,
            "frames": frames,
            "layout": LAYOUT,
            "rows": "+y",
            "boundary": "closed box, velocity zero outside",
            "versions": {"regrep": __version__, **solver},
            "simulations": {},
        }
    index = _read_index(out)
    if (index["size"], index["frames"]) != (size, frames):
        raise RegrepError(
            f"{out} holds simulations of {index['frames']} frames of {index['size']} x {index['size']},"
            f" not {frames} of {size} x {size}; choose another folder"
        )
    kept = {number: entry for number, entry in index["simulations"].items() if (out / entry["file"]).exists()}
    return {**index, "simulations": kept}


def _missing(chosen: list[int], index: dict[str, Any]) -> list[int]:
    return [number for number in chosen if str(number) not in index["simulations"]]


Result = list[tuple[bytes, dict[str, Any]]]
"""File content and index entry of a simulation."""


def _results(parts: list[list[int]], work: Callable[..., Result], jobs: int) -> Generator[tuple[list[int], Result]]:
    if jobs == 1:
        yield from ((part, work(part)) for part in parts)
        return
    context = multiprocessing.get_context("spawn")
    line, end = context.Pipe(duplex=False)
    with without_current_folder(), line, end, ProcessPoolExecutor(jobs, context, follow_line, (line,)) as pool:
        try:
            running = {pool.submit(work, part): part for part in parts}
            for done in as_completed(running):
                yield running[done], done.result()
        except BrokenProcessPool as cause:
            raise RegrepError(
                "a process that simulates was killed, possibly out of memory; the same command goes on, or choose fewer"
                " --jobs"
            ) from cause
        except BaseException:  # waiting for all that runs could take an hour
            end.close()
            pool.shutdown(cancel_futures=True)
            raise


def _simulated(numbers: list[int], size: int, frames: int, progress: Callable[[str], None]) -> Result:
    begin = time.monotonic()

    def tell(frame: int) -> None:
        if frame % max(1, frames // 10) == 0:
            left = (time.monotonic() - begin) * (frames / frame - 1)
            progress(f"simulations {', '.join(map(str, numbers))}: frame {frame} of {frames}, about {left:.0f} s left")

    plumes = [published_plume(number, size) for number in numbers]
    result = []
    for number, plume, velocity, rest, turned in zip(
        numbers, plumes, *simulate(plumes, size, frames, tell), strict=True
    ):
        file = io.BytesIO()
        np.save(file, velocity)
        entry = {
            "file": f"simulation_{number:02}.npy",
            "md5": hashlib.md5(file.getbuffer(), usedforsecurity=False).hexdigest(),
            "plume": asdict(plume),
            "largest_divergence": float(rest),
            "equivariance": turned.tolist(),
            "seconds": round((time.monotonic() - begin) / len(numbers), 1),
        }
        result.append((file.getvalue(), entry))
    return result
