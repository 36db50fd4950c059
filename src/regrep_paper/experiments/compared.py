"""A comparison in the machinery of sweeps: every training and every test is a run with a folder of its own."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from regrep.arguments import is_real, is_whole, shown
from regrep.comparison import ARMS, Comparison, Evaluated, Run, Trained, choose, evaluate, plan, train
from regrep.comparison.arms import REFERENCE
from regrep.comparison.devices import check_present, name_of
from regrep.comparison.result import arm_text
from regrep.comparison.runs import computed_on, joined_result, run_text, trained_as
from regrep.errors import RegrepError
from regrep_paper.experiments.task_file import TaskFile, read_task
from regrep_paper.runs.executors import SubmititExecutor
from regrep_paper.runs.records import RunFolder, plain, run_id, write_atomic
from regrep_paper.runs.sweep import PlannedRun, Runner
from regrep_paper.runs.workers import PROGRAM, WorkerExecutor

WEIGHTS = "weights.pt"
"""State of a trained network, in the folder of its training; read as tensors alone."""

PARTS = ("train", "test")


def compare_task(
    source: str,
    out: Path,
    *,
    arms: Sequence[str] | None = None,
    seeds: int = 5,
    jobs: int = 1,
    data_dir: Path | None = None,
    slurm: Mapping[str, Any] | None = None,
    device: str | None = None,
    tuning_seeds: int | None = None,
) -> tuple[int, Comparison | None]:
    """Start or continue a comparison; ``regrep compare`` is this function.

    First all trainings, then, for the weights that their validation samples choose, the tests.

    Args:
        source: a task file, or the name of a ready task.
        out: folder; runs go to its ``runs``, and all records to ``comparison.json``.
        arms: names; None for all that the task allows.
        seeds: number of seeds.
        jobs: processes at a time on this machine.
        data_dir: folder of data files.
        slurm: options for Slurm; None runs on this machine.
        device: where the runs are computed; None for where the task says. Runs on the CPU and on an accelerator are
            different runs of the folder, which a result never mixes.
        tuning_seeds: how many of the seeds try every weight; None for all.

    Returns:
        An exit code, and the result, or None if not all runs are finished.
    """
    file = _file(source, data_dir, device)
    here = file.task if slurm is None else computed_on(file.task, "cpu")  # who submits jobs may have no accelerator
    wanted = plan(here, arms, seeds, tuning_seeds)
    trained: list[Trained] = []

    def train_all(runs: Sequence[Run]) -> int:
        trainings = [_planned(source, file, "train", run, out, data_dir) for run in runs]
        for late in (False, True):  # arms that learn from the networks of the reference come after it
            some = [one for one in trainings if ARMS[one.config["method"]].needs_reference == late]
            code = _start(some, out, jobs, slurm) if some else 0
            if code:
                return code
        trained.extend(Trained.from_dict(_part(run.folder, "trained")) for run in trainings)
        return 0

    code = train_all(wanted.trainings)
    if code:
        return code, None
    metric = file.task.metric_for(file.task.splits(wanted.seeds[0]))
    chosen = choose(trained, metric.larger_is_better)
    code = train_all(wanted.further(chosen))
    if code:
        return code, None
    tests = [_planned(source, file, "test", run, out, data_dir) for run in wanted.tests(chosen)]
    code = _start(tests, out, jobs, slurm)
    if code:
        return code, None
    tested = [Evaluated.from_dict(_part(run.folder, "tested")) for run in tests]
    found = joined_result(here, wanted, trained, tested)
    write_atomic(out / "comparison.json", json.dumps(plain(found.as_dict()), ensure_ascii=False) + "\n")
    return 0, found


def run(source: str, path: Path, data_dir: Path | None = None, device: str | None = None) -> None:
    """One training or test, as its folder's ``run.json`` says; a finished one is left alone.

    Only an arm, a weight and a seed are taken from the folder; the task and the device are the given ones.

    Raises:
        RegrepError: the folder holds no run of a comparison, one of another task, or one of another device.
    """
    folder = RunFolder(path)
    with folder.lock():
        config, run, part = _settings(folder)
        if folder.finished:
            return
        file = _file(source, data_dir, device)
        if (file.task.name, file.digest) != (config.get("task"), config.get("digest")):
            raise RegrepError(f"{source} is not the task of the run in {path}; start the comparison again")
        if file.task.device.type != config.get("device", "cpu"):
            raise RegrepError(
                f"the run in {path} is one on {config.get('device', 'cpu')}, got the device {file.task.device}; start"
                " the comparison again"
            )
        check_present(file.task.device)
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
        network = file.task.network(run.seed)
        folder.start(
            config,
            ["regrep", *sys.argv[1:]],
            run.seed,
            {"name": file.task.name, "files": {}},
            sum(one.numel() for one in network.parameters()),
            name_of(file.task.device),
            "32-true",
            torch.get_num_threads(),
        )
        began = time.monotonic()
        try:
            found = _train(folder, file, run) if part == "train" else _test(folder, file, run)
        except RegrepError as error:
            folder.finish({"status": "failed", "message": str(error)})
            raise
        folder.finish({"status": "finished", **found, "seconds": time.monotonic() - began})


def arms_text() -> str:
    """Every arm with a line on what it does."""
    return "\n".join(arm_text(arm) for arm in ARMS.values())


def arms_listed() -> list[dict[str, Any]]:
    """The same as data."""
    return [{"arm": arm.name, "text": arm.text, "control": arm.control} for arm in ARMS.values()]


def _train(folder: RunFolder, file: TaskFile, run: Run) -> dict[str, Any]:
    reference = _state(folder, file, Run(REFERENCE, None, run.seed)) if ARMS[run.arm].needs_reference else None
    record, state = train(file.task, ARMS[run.arm], run.weight, run.seed, reference)
    data = io.BytesIO()
    torch.save(state, data)
    folder.check_there()
    write_atomic(folder.path / WEIGHTS, data.getvalue())
    return {"trained": record.as_dict(), "validation": {"metric": record.validation}}


def _test(folder: RunFolder, file: TaskFile, run: Run) -> dict[str, Any]:
    state = _state(folder, file, Run(trained_as(run.arm), run.weight, run.seed))
    return {"tested": evaluate(file.task, ARMS[run.arm], run.weight, run.seed, state).as_dict()}


def _state(folder: RunFolder, file: TaskFile, run: Run) -> dict[str, torch.Tensor]:
    """The weights of a training, which lies beside a folder."""
    path = folder.path.parent / run_id(_config(file, "train", run)) / WEIGHTS
    try:
        return dict(torch.load(path, weights_only=True))
    except (OSError, RuntimeError, ValueError, KeyError, EOFError) as cause:
        raise RegrepError(f"{path} cannot be read ({shown(cause)}); delete its folder and start again") from cause
    except Exception as cause:  # what torch refuses to unpickle
        raise RegrepError(f"{path} holds more than tensors, and is not loaded; delete its folder") from cause


def _file(source: str, data_dir: Path | None, device: str | None) -> TaskFile:
    file = read_task(source, data_dir)
    return dataclasses.replace(file, task=computed_on(file.task, device))


def _config(file: TaskFile, part: str, run: Run) -> dict[str, Any]:
    kind = file.task.device.type
    return {
        "experiment": "compare",
        "task": file.task.name,
        "digest": file.digest,
        "method": run.arm,
        "weight": run.weight,
        "part": part,
        "seed": run.seed,
        **({} if kind == "cpu" else {"device": kind}),
    }


def _planned(source: str, file: TaskFile, part: str, run: Run, out: Path, data_dir: Path | None) -> PlannedRun:
    config = _config(file, part, run)
    folder = RunFolder(out / "runs" / run_id(config))
    words = ["compare", source, f"--run={folder.path}"]  # one word, since a folder may begin with a dash
    if data_dir is not None:
        words.append(f"--data-dir={data_dir}")
    words += ["--device", str(file.task.device)]
    label = ("test " if part == "test" else "") + run_text(run.arm, run.weight, run.seed)
    return PlannedRun(label, folder, config, config, (*PROGRAM, *words))


def _start(runs: Sequence[PlannedRun], out: Path, jobs: int, slurm: Mapping[str, Any] | None) -> int:
    executor = WorkerExecutor(jobs) if slurm is None else SubmititExecutor(out / ".submitit", {**slurm})
    return Runner(runs, executor).run()


def _settings(folder: RunFolder) -> tuple[Mapping[str, Any], Run, str]:
    config = (folder.record or {}).get("config")
    if not isinstance(config, Mapping) or config.get("experiment") != "compare":
        raise RegrepError(f"{folder.path} holds no run of a comparison; start one with regrep compare TASK.py")
    arm, weight, seed, part = (config.get(key) for key in ("method", "weight", "seed", "part"))
    known = (
        isinstance(arm, str)
        and arm in ARMS
        and part in PARTS
        and is_whole(seed)
        and (weight is None or is_real(weight))
    )
    if not known:
        raise RegrepError(f"the settings in {folder.path} are not those of a run; delete the folder and start again")
    return config, Run(str(arm), None if weight is None else float(weight), int(seed)), str(part)  # type: ignore[arg-type]


def _part(folder: RunFolder, name: str) -> Mapping[str, Any]:
    found = (folder.done or {}).get(name)
    if not isinstance(found, Mapping):
        raise RegrepError(f"{folder.path / 'done.json'} holds no {name} network; delete the folder and start again")
    return found
