"""SMOKE from the command line: simulation, training, and a record that the report reads."""

import json

import pytest
from smoke_fixture import SIZE

from regrep_paper.cli import main
from regrep_paper.experiments.fit import fit, measure


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*num_workers.*", "ignore:.*number of training batches.*")
def test_fit_leaves_a_record_that_the_report_reads(smoke_folder, tmp_path):
    out = tmp_path / "run"
    options = [f"--data.data_dir={smoke_folder}", f"--data.size={SIZE}", "--data.horizon=7", "--model.width=4"]
    done = fit("smoke", [*options, "--trainer.max_epochs=2", "--trainer.accelerator=cpu", f"--out={out}"])
    assert {"rmse", "future", "domain", "future_short", "domain_short"} <= set(done["test"])
    assert len(done["horizon"]["future"]["rmse"]) == 7
    config = json.loads((out / "run.json").read_text())["config"]
    assert (config["size"], config["horizon"], config["splits_as_published"], config["width"]) == (SIZE, 7, False, 4)
    rows = (out / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("validation/rmse")
    values = [float(row.split(",")[column]) for row in rows[1:]]
    assert done["validation"]["rmse"] == pytest.approx(min(values))  # the best weights, not the last
    assert measure(out, 4, {"data_dir": smoke_folder}).error.elements == ("e", "r", "r2", "r3")


def test_the_command_simulates_and_verifies(simulated, tmp_path, capsys):
    words = ["data", "smoke", "--size", "8", "--frames", "2", "--simulations", "3", "--out", str(tmp_path / "set")]
    assert main(words) == 0
    assert "verified: 3 simulations of 2 frames of 8 x 8" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["data", "smoke", "--size", "8"])
    assert "--out" in capsys.readouterr().err
