"""The examples on docs/guide/compare.md print what the page says, and it describes every arm and rule."""

from pathlib import Path

from page import run_examples
from regrep.comparison import ARMS

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "compare.md"


def test_every_example_prints_what_the_page_says():
    assert run_examples(PAGE) > 15


def test_every_control_is_named():
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name, arm in ARMS.items() if arm.control)
