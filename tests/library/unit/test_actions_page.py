"""The examples on docs/guide/actions.md print what the page says, and the page knows every action."""

import re
from pathlib import Path

from page import run_examples
from regrep import actions

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "actions.md"
OTHERS = {"Action", "LatticeAction", "TreeAction", "resample", "rotate", "sample"}


def test_every_example_prints_what_the_page_says():
    assert run_examples(PAGE) > 40


def test_every_action_is_on_the_page():
    words = set(re.findall(r"\w+", PAGE.read_text(encoding="utf-8")))
    assert set(actions.__all__) - words == OTHERS - words
