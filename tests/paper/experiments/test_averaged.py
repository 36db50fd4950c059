"""Averages of finished runs: runs of their own in a report."""

import json

import numpy as np
import pytest
import torch

from regrep_paper.cli import main
from regrep_paper.report import build


def read_record(folder):
    return json.loads((folder / "run.json").read_text()), json.loads((folder / "done.json").read_text())


@pytest.mark.usefixtures("svg_alone")
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*num_workers.*", "ignore:.*number of training batches.*")
@pytest.mark.parametrize(
    ("name", "options", "elements"),
    [
        (
            "ddmnist",
            [*("--data.group=D1", "--data.classes=2", "--data.train_pairs=8", "--data.validation_pairs=6"),
             *("--data.test_pairs=6", "--data.batch_size=16")],
            4,
        ),
        pytest.param(
            *("medmnist3d", ["--data.per_class=4", "--data.size=14", "--model.width=3", "--data.batch_size=16"], 24),
            marks=pytest.mark.slow,
        ),
        (
            "smoke",
            [*("--data.size=8", "--model.width=4", "--data.rollout=2", "--data.horizon=3", "--data.batch_size=2"),
             "--data.data_dir={folder}"],
            4,
        ),
    ],
)  # fmt: skip
def test_a_finished_run_is_averaged_once_and_is_a_row_of_its_own(tmp_path, capsys, name, options, elements):
    numbers = np.random.default_rng(0)
    (tmp_path / "fields").mkdir()
    for k in (27, 6):
        field = numbers.normal(size=(52, 2, 8, 8)).astype(np.float32)
        torch.save(torch.from_numpy(field), tmp_path / "fields" / f"raw_data_{k}_{(k - 1) % 4}.pt")
    run, options = tmp_path / "runs" / "one", [option.format(folder=tmp_path / "fields") for option in options]
    trained = [f"--out={run}", "--trainer.max_epochs=1", "--trainer.precision=32-true", "--trainer.accelerator=cpu"]
    assert main(["fit", name, "--model.method=cnn", *trained, *options]) == 0
    files = ["--data-dir", str(tmp_path / "fields")] if name == "smoke" else []
    assert main(["test", str(run), "--averaged", *files]) == 0
    averaged = run.with_name("one-averaged")
    (before, own), (record, done) = read_record(run), read_record(averaged)
    assert record["config"] == {**before["config"], "averaged": True}
    assert record["run_id"] != before["run_id"] == done["averaged"]["run_id"]
    assert done["averaged"]["elements"] == elements
    assert done["status"] == "finished"
    assert {key: done[key] for key in ("best_epoch", "epochs")} == {"best_epoch": 0, "epochs": 1}
    for split in ("validation", "test"):  # every measure but those of the latent
        latent = ("equivariance", "whitened_error", "moving_share", "latent_scale", "through_rho")
        expected = {key for key in own[split] if not key.startswith(latent)}
        assert set(done[split]) == expected
    assert done["test"] != {key: own["test"][key] for key in done["test"]}
    if name == "smoke":
        errors = [max(record["output_equivariance"]["total"]) for record in (done, own)]
        assert errors[0] < 1e-4 < 1e-2 < errors[1]
        assert len(done["horizon"]["future"]["rmse"]) == 3
    stamp = (averaged / "done.json").stat().st_mtime_ns
    capsys.readouterr()
    assert main(["test", str(run), "--averaged"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (averaged / "done.json").stat().st_mtime_ns == stamp
    text = build(run.parent, tmp_path / "report").text
    assert "\ncnn, averaged " in text
    assert "\ncnn  " in text


def test_runs_without_an_average_are_refused_in_one_sentence(tmp_path, capsys):
    def mistake(*words):
        with_exit = main(["test", *map(str, words)])
        return with_exit, capsys.readouterr().err

    code, text = mistake(tmp_path / "none", "--averaged")
    assert code == 1
    assert text.count("\n") == 1
    assert "only a finished run can be averaged" in text
    assert not (tmp_path / "none-averaged").exists()
    run = tmp_path / "run"
    run.mkdir()
    config = {"experiment": "ddmnist", "method": "cnn", "seed": 0}
    (run / "run.json").write_text(json.dumps({"format": 1, "run_id": "a", "config": config}))
    assert "only a finished run can be averaged" in mistake(run, "--averaged")[1]
    (run / "done.json").write_text(json.dumps({"format": 1, "status": "failed"}))
    assert "only a finished run can be averaged" in mistake(run, "--averaged")[1]
    (run / "done.json").write_text(json.dumps({"format": 1, "status": "finished"}))
    assert "holds no trained run" in mistake(run, "--averaged")[1]
    assert not (tmp_path / "run-averaged").exists()
    assert "only a finished run can be averaged" in mistake("ddmnist", "--averaged")[1]
    (run / "run.json").write_text(json.dumps({"format": 1, "run_id": "a", "config": {**config, "averaged": True}}))
    assert "is the average of another run" in mistake(run)[1]
    (run / "run.json").write_text(json.dumps({"format": 1, "run_id": "a", "config": {**config, "averaged": True}}))
    assert "is already an average" in mistake(run, "--averaged")[1]
    with pytest.raises(SystemExit):
        main(["test", str(run), "--out=elsewhere"])
    assert "--out is the folder of an averaged run" in capsys.readouterr().err


def test_an_average_is_named_in_tables_and_is_not_the_baseline_or_the_paper():
    from regrep_paper.tables import published
    from regrep_paper.tables.methods import method_of

    config = {"experiment": "ddmnist", "data": "mnist", "group": "D4", "method": "cnn-augmented"}
    assert published(config) is not None
    assert published({**config, "averaged": True}) is None
    assert method_of({**config, "network": "scnn", "averaged": True}) == "scnn-augmented, averaged"
