"""The scripts under examples/ run, and need the library alone."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize(
    ("name", "arguments", "printed"),
    [
        ("any_network", (1,), "element"),
        ("learned_representation", (1,), "after it: "),
        ("relations_alone", (1, 5), "C4 seed 0: "),
    ],
)
def test_examples_run(name, arguments, printed, capsys):
    (path,) = (path for path in EXAMPLES if path.stem == name)
    runpy.run_path(str(path))["main"](*arguments)
    assert printed in capsys.readouterr().out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_need_the_library_alone(path):
    assert "regrep_paper" not in path.read_text()
