"""The numbers in README and docs come from the records under results/, never from a hand."""

import re
from pathlib import Path

import pytest

from regrep.report.runs import read_runs
from regrep.report.table import rows_of, select
from regrep.report.text import HEADINGS, cells, markdown

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "penalty.md"]
BLOCKS = [
    (page.name, *block)
    for page in PAGES
    for block in re.findall(r"<!-- (table|all) of (\S+) -->\n(.*?)<!-- end -->", page.read_text(), flags=re.DOTALL)
]


def test_pages_have_tables():
    assert {page for page, *_ in BLOCKS} == {page.name for page in PAGES}


@pytest.mark.parametrize(("page", "kind", "folder", "table"), BLOCKS)
def test_tables_are_those_of_the_records(page, kind, folder, table):
    runs, unreadable = read_runs(ROOT / folder)
    assert not unreadable
    rows = rows_of(runs)
    assert table == markdown(HEADINGS, cells(select(rows) if kind == "table" else rows))
