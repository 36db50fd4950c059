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
    """Test the group average of a run's best weights; see :class:`GroupAveraged`.

    The record has the run's config with ``averaged`` added, the epochs and seconds of its training, and the validation
    and test metrics of the average. A finished record is not changed. Returns ``done.json``.

    Args:
        run: the run folder.
        out: folder of the new record; defaults to the run's folder name plus ``-averaged``.
        files: data folder and fonts, if the run used any.

    Raises:
        RegrepError: the run is not finished, or has nothing to average, or ``out`` holds another run.
    """
    source = RunFolder(run)
    before, done = source.record, source.done
    if before is None or done is None or not source.finished:
        raise RegrepError(f"only a finished run can be averaged, but {run} holds none; finish it with regrep fit")
    if before["config"].get("averaged"):
        raise RegrepError(f"{run} is already an average; name the run that it was made from")
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
    """Make a trained module predict by the group average of its network; a classifier averages probabilities.

    A forecast is averaged in every step of its roll-out. The average has no latent with a representation, so metrics of
    the latent are left out.
    """
    objective = module.objective
    classifies = isinstance(module, ClassifierModule)
    module.network = GroupAveraged(module.network, objective.input_action, objective.output_action, classifies)
    objective.latents.clear()
