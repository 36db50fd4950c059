"""docs/conventions.md prints every matrix of C4 and D4; this holds the page against the code."""

import re
from pathlib import Path

import pytest
import torch

import regrep
from regrep.groups import cyclic, dihedral

PAGE = Path(__file__).parents[3] / "docs" / "conventions.md"


def printed(group):
    section = PAGE.read_text().split(f"### {group.name}\n")[1].split("### ")[0]
    for name, block in re.findall(r"`(\w+)`\n\n```\n(.*?)\n```", section, flags=re.DOTALL):
        yield name, torch.tensor([[letter == "1" for letter in line.split()] for line in block.splitlines()])


@pytest.mark.parametrize("group", [cyclic(4), dihedral(4)], ids=lambda group: group.name)
def test_every_printed_matrix(group):
    matrices = dict(printed(group))
    assert tuple(matrices) == group.names
    for name, matrix in matrices.items():
        assert torch.equal(matrix, regrep.regular(group).matrix(name).bool()), name


def test_readme_example_runs():
    readme = (PAGE.parents[1] / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert code is not None
    exec(compile(code[1], "README.md", "exec"), {})
