"""The scripts under examples/ run, and need the library alone, and digits to learn from."""

import inspect
import json
import pickle
import runpy
import zipfile
from pathlib import Path

import pytest
import torch

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def example(name):
    if name == "face_detectors":
        pytest.importorskip("sklearn")  # for its photographs
    (path,) = (path for path in EXAMPLES if path.stem == name)
    return runpy.run_path(str(path))


@pytest.mark.parametrize(
    ("name", "arguments", "printed"),
    [
        ("any_network", (1,), "element"),
        ("compare_uses", (1, 2), "With 1 seed "),
        ("learned_representation", (1,), "after it: "),
        ("relations_alone", (1, 5), "C4 seed 0: "),
        ("structured_data", (), "boxes_and_points "),
    ],
)
@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_examples_run(name, arguments, printed, capsys):
    example(name)["main"](*arguments)
    assert printed in capsys.readouterr().out


def test_the_example_for_several_processes_runs_on_one(monkeypatch, capsys):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)  # as torchrun does; port 0 is any that is free
    example("several_processes")["main"](2)
    assert "step 2: loss" in capsys.readouterr().out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_need_the_library_alone(path):
    text = path.read_text()
    assert text.count("regrep_paper") == text.count("from regrep_paper.data.digits import embedded\n")


def test_face_detectors_are_read_from_a_wheel_or_a_folder(tmp_path, capsys):
    """Untrained weights in place of those of the wheel, which the tests do not download."""
    script = example("face_detectors")
    torch.manual_seed(0)
    for file, _, build in script["NETWORKS"].values():
        torch.save(build().state_dict(), tmp_path / file)
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as wheel:
        for file, _, _ in script["NETWORKS"].values():
            wheel.write(tmp_path / file, f"facenet_pytorch/data/{file}")
    script["main"](tmp_path, samples=20, out=tmp_path / "a.json")
    text = capsys.readouterr().out
    script["main"](tmp_path / "some.whl", samples=20)
    assert capsys.readouterr().out == text
    record = json.loads((tmp_path / "a.json").read_text())
    assert str(tmp_path.parent) not in record["command"]
    notes = {(one["name"], layer["layer"]): layer["note"] for one in record["networks"] for layer in one["layers"]}
    assert [place for place, note in notes.items() if note] == [("R-Net", "pool1"), ("O-Net", "pool1")]
    assert len(notes) == 9 + 13 + 17


def test_weights_that_would_run_code_are_refused(tmp_path):
    script = example("face_detectors")
    torch.save({"conv1.weight": print}, tmp_path / "pnet.pt")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        script["main"](tmp_path)


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_examples_of_structured_data_are_short_and_learn():
    script = example("structured_data")
    for run in script["EXAMPLES"]:
        body = inspect.getsource(run).strip().splitlines()[2:]
        assert len(body) <= 12, run.__name__
        torch.manual_seed(0)
        terms = run()
        assert terms.equivariance.requires_grad, run.__name__
        # The graph's layer is equivariant by construction.
        assert (terms.equivariance < 1e-10) == (run.__name__ == "graph"), run.__name__
