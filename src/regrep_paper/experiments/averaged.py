"""`regrep test RUN --averaged`: the group average of a finished run's network, as a finished run of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regrep.errors import RegrepError
from regrep.nn import GroupAveraged
from regrep_paper.experiments.fit import tested, trained
from regrep_paper.experiments.recorded import Files
from regrep_paper.runs.records import RunFolder
from regrep_paper.training.module import ClassifierModule, NetworkModule
from regrep_paper.training.run import measured


def test_averaged(run: Path, out: Path | None, files: Files) -> dict[str, Any]:
    """Test the best weights of a run averaged over the group; see :class:`GroupAveraged`.

    The record's config is that of the run with ``averaged``, its epochs and seconds are those of its training, its
    metrics on validation and test those of the average. A finished record is left as it is. Returns ``done.json``.

    Args:
        run: the run folder.
        out: the folder of the new record; defaults to the run's own name with ``-averaged``, next to it.
        files: data folder and fonts, where the run had some.

    Raises:
        RegrepError: the run is not finished, or has nothing to average, or ``out`` holds another run.
    """
    source = RunFolder(run)
    before, done = source.record, source.done
    if before is None or done is None or not source.finished:
        raise RegrepError(f"an average is made of a finished run, and {run} holds none; finish it with regrep fit")
    if before["config"].get("averaged"):
        raise RegrepError(f"{run} is an average already; name the run that it was made of")
    out = run.resolve().with_name(f"{run.resolve().name}-averaged") if out is None else out
    config, folder = {**before["config"], "averaged": True}, RunFolder(out)
    with folder.lock():
        if folder.record is not None:
            folder.check_same(config)
        if folder.finished:
            print(f"{out} holds a finished run; nothing to do")
            return folder.done or {}
        cli = trained(source, files)
        model, data, trainer = cli.model, cli.datamodule, cli.trainer
        if not isinstance(model, NetworkModule):
            raise RegrepError(f"classifiers and forecasts are averaged over a group, but {run} learns a representation")
        average(model)
        validated = measured(trainer.validate(model, datamodule=data, verbose=False))
        record = {
            **{key: done.get(key) for key in ("status", "best_epoch", "epochs", "seconds")},
            "validation": {key.removeprefix("validation/"): value for key, value in validated.items()},
            "test": {key.removeprefix("test/"): value for key, value in tested(cli).items()},
            "averaged": {"run_id": before["run_id"], "elements": model.objective.input_action.group.order},
            **model.diagnose(data, out),
        }
        folder.start(
            config=config,
            command=["regrep", "test", str(run), "--averaged", f"--out={out}"],
            seed=before["seed"],
            data=data.record(),
            parameters=before["parameters"],
            device=str(trainer.strategy.root_device),
            precision=str(trainer.precision),
        )
        folder.finish(record)
    print(f"record: {out}")
    return record


def average(module: NetworkModule) -> None:
    """Let a trained module predict by its network's group average: a classifier by that of its probabilities.

    A forecast is averaged in every step of its roll-out. No representation acts on a latent of the average, so that
    metrics of the latent are left out.
    """
    objective = module.objective
    classifies = isinstance(module, ClassifierModule)
    module.network = GroupAveraged(module.network, objective.input_action, objective.output_action, classifies)
    objective.latents.clear()
