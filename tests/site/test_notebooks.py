"""The notebooks run from the top, and print what they show."""

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
TOOL = runpy.run_path(str(DOCS / "notebooks.py"))


def kept(path):
    return TOOL["nbformat"].read(path, as_version=4)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")  # of the kernel's packages
def test_a_notebook_prints_what_it_shows(path):
    assert TOOL["printed"](TOOL["executed"](path)) == TOOL["printed"](kept(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_its_outputs_and_without_traces(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] == k + 1 for k, cell in enumerate(code))
    assert sum(bool(cell["outputs"]) for cell in code) >= 3
    assert not any(output["output_type"] == "error" for cell in code for output in cell["outputs"])
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    assert path.stat().st_size < 150_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_code_of_a_notebook_runs(path, capsys):
    """In this process, which is faster than a kernel; the slow test compares the outputs."""
    pytest.importorskip("matplotlib")
    names = {}
    for cell in kept(path).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, path.name, "exec"), names)
    shown = "".join(
        output.text for cell in kept(path).cells for output in cell.get("outputs", []) if output.output_type == "stream"
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in shown.splitlines() if line in lines] == shown.splitlines()
