"""The examples on docs/guide/measuring.md print what the page says."""

from pathlib import Path

from page import run_examples

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "measuring.md"


def test_every_example_prints_what_the_page_says():
    assert run_examples(PAGE) > 20


def test_the_uncentred_error_is_shown_on_this_page_alone():
    pages = [
        PAGE.parents[2] / "README.md",
        *(page for page in PAGE.parents[1].rglob("*.md") if "api" not in page.parts),
    ]
    assert [page.name for page in pages if "uncentred" in page.read_text()] == [PAGE.name]
