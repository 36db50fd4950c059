"""Checkpoints of a run: written atomically with checksums, read without running any code."""

from __future__ import annotations

import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from regrep.errors import RegrepError
from regrep_paper.runs.checksums import DamagedError, read_checked, write_checked
from regrep_paper.runs.records import RunFolder
from regrep_paper.training.module import ConfiguredModule


class CheckpointFiles(TorchCheckpointIO):
    """How Lightning writes and reads checkpoint files.

    Its own way stages a file in the system's temporary folder: from another file system it is copied over the old one,
    and a kill or a full disk leaves a part of it.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Replace the file, which is the old or the new one at any time."""
        with io.BytesIO() as buffer:
            torch.save(checkpoint, buffer)
            write_checked(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read the file, which is what was written."""
        return _read(Path(path))


class Checkpoint(ModelCheckpoint):
    """Lightning's callback, for a folder that may have moved: there it forgets the score of the best epoch."""

    @property
    def state_key(self) -> str:
        """The name under which Lightning's own callback keeps its state, so that either reads the other's."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue here, wherever the folder was before."""

        def here(path: str) -> str:
            return str(Path(str(self.dirpath), Path(path).name)) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        moved = {key: here(value) if key in paths else value for key, value in state_dict.items()}
        best = {here(path): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**moved, "best_k_models": best, "dirpath": self.dirpath})


def resumable(folder: RunFolder) -> Path | None:
    """The checkpoint to continue from: the last, or the best if that is damaged, which is told; None if there is none.

    Raises:
        RegrepError: those that exist are damaged, or the last one is no checkpoint.
    """
    last, best = folder.checkpoint("last"), folder.checkpoint("best")
    if not last.exists():
        return None
    try:
        read_checkpoint(folder, "last")
    except DamagedError as damage:
        try:
            epoch = read_checkpoint(folder, "best").get("epoch")
        except RegrepError:
            raise RegrepError(
                f"no checkpoint in {last.parent} can be read, all are damaged or other files;"
                " restore a copy, or delete that folder to train from the beginning"
            ) from damage
        again = f"epoch {epoch + 2}" if isinstance(epoch, int) else "there"
        print(f"{last} is damaged or another file; the run goes on from {best.name}, with {again}", flush=True)
        return best
    return last


def read_checkpoint(folder: RunFolder, which: Literal["best", "last"]) -> dict[str, Any]:
    """Content of a checkpoint, read without running any code; raises unless it has only arrays and plain values.

    Raises:
        RegrepError: the file leads out of the run folder, is damaged, cannot be read, or holds anything else.
    """
    path = folder.checkpoint(which)
    if not path.resolve().is_relative_to(folder.path.resolve()):
        raise RegrepError(f"{path} leads out of the run folder, to {path.resolve()}; copy that file into it")
    return _read(path)


def load_best(folder: RunFolder, model: ConfiguredModule[Any]) -> int:
    """Load the best weights into the model; returns their epoch.

    Raises:
        RegrepError: the file is not a checkpoint, or one of another network.
    """
    path = folder.checkpoint("best")
    checkpoint = read_checkpoint(folder, "best")
    try:
        epoch, weights = int(checkpoint["epoch"]), checkpoint["state_dict"]
    except (KeyError, TypeError, ValueError) as cause:
        raise RegrepError(f"{path} cannot be read as a checkpoint; restore a copy, or train the run again") from cause
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError, KeyError, ValueError) as cause:
        raise RegrepError(
            f"{path} holds weights of a network other than the run's settings say; restore a copy, or train it again"
        ) from cause
    return epoch


def _read(path: Path) -> dict[str, Any]:
    data = read_checked(path)
    try:
        checkpoint = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UnpicklingError as cause:
        raise RegrepError(
            f"{path} cannot be read as a checkpoint: it holds more than arrays and plain values, or is damaged;"
            " do not trust it, restore a copy, or train the run again"
        ) from cause
    except Exception as cause:  # a damaged archive raises errors of many kinds
        raise RegrepError(f"{path} cannot be read as a checkpoint; restore a copy, or train the run again") from cause
    if not isinstance(checkpoint, dict):
        raise RegrepError(f"{path} cannot be read as a checkpoint; restore a copy, or train the run again")
    return checkpoint
