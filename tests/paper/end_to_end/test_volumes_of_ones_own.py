"""A run on a file of volumes that is not the published one."""

import json

import numpy as np
import pytest
from volumes_fixture import write

from regrep_paper.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


def test_a_file_of_ones_own_runs_from_the_command_line(tmp_path, capsys):
    folder, out = write(tmp_path / "data"), tmp_path / "run"
    args = [
        "--data.source=nodule", f"--data.data_dir={folder}", "--model.width=3", f"--out={out}", "--data.batch_size=4",
        "--trainer.max_epochs=1", "--trainer.accelerator=cpu",
    ]  # fmt: skip
    assert main(["fit", "medmnist3d", *args]) == 1
    assert "nodulemnist3d.npz" in capsys.readouterr().err
    assert main(["fit", "medmnist3d", *args, "--data.any_file=true"]) == 0
    done, record = (json.loads((out / name).read_text()) for name in ("done.json", "run.json"))
    assert {"accuracy", "accuracy_upright", "auc", "auc_upright", "whitened_error", "moving_share"} <= set(done["test"])
    assert record["config"] | {"data": "nodule", "any_file": True, "width": 3, "group": "O"} == record["config"]
    assert record["data"]["name"] == "nodulemnist3d-unverified"
    with np.load(out / "examples.npz") as pictures:
        assert pictures["x"].shape == (6, 56, 56)
        assert pictures["gx"].dtype == np.uint8
