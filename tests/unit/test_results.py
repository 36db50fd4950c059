"""The numbers in README come from the records under results/, never from a hand."""

import re
from pathlib import Path

import pytest

from regrep.report.runs import read_runs
from regrep.report.table import rows_of, select
from regrep.report.text import HEADINGS, cells, markdown

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"<!-- table of (\S+) -->\n(.*?)<!-- end -->", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_readme_has_tables():
    assert BLOCKS


@pytest.mark.parametrize(("folder", "table"), BLOCKS)
def test_tables_are_those_of_the_records(folder, table):
    runs, unreadable = read_runs(ROOT / folder)
    assert not unreadable
    assert table == markdown(HEADINGS, cells(select(rows_of(runs))))
