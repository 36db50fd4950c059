"""docs/guide/conventions.md: its examples print what the page says, and its matrices are those of the code."""

import re
from pathlib import Path

import pytest
import torch

import regrep
from page import run_examples
from regrep.groups import cyclic, dihedral

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "conventions.md"
TEXT = PAGE.read_text(encoding="utf-8")
MATRICES = {
    title: [
        (name, torch.tensor([[letter == "1" for letter in line.split()] for line in block.splitlines()]))
        for name, block in re.findall(r"`(\w+)`\n\n```\n(.*?)\n```", section, flags=re.DOTALL)
    ]
    for title, section in re.findall(r"### (\w+)\n(.*?)(?=\n### |\Z)", TEXT, flags=re.DOTALL)
}


@pytest.mark.parametrize("group", [cyclic(4), dihedral(4)], ids=lambda group: group.name)
def test_every_printed_matrix(group):
    printed = MATRICES[group.name]
    assert tuple(name for name, _ in printed) == group.names
    for name, matrix in printed:
        assert torch.equal(matrix, regrep.regular(group).matrix(name).bool()), name


def test_every_example_prints_what_the_page_says():
    assert run_examples(PAGE) > 60


def test_every_paragraph_is_followed_by_an_example():
    """All but the introduction: a statement that stands alone would be held by nothing."""
    body = re.sub(r"```.*?```", "EXAMPLE", TEXT.split("\n## ", 1)[1], flags=re.DOTALL)
    blocks = [block for block in re.split(r"\n\n+|(?<=\n)(?=#)", body) if block.strip()]
    kinds = ["example" if block.strip() == "EXAMPLE" else "text" for block in blocks if not block.startswith("### ")]
    assert kinds == ["text", "example"] * (len(kinds) // 2)
