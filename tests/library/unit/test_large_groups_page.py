"""The examples on docs/guide/large-groups.md print what the page says."""

from pathlib import Path

import pytest

from page import run_examples

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "large-groups.md"


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_every_example_prints_what_the_page_says():
    assert run_examples(PAGE) > 30
