"""Cells that show a number carry it, so that the page can sort by what a text rounds."""

import re

import pytest
from records_fixture import write_costs, write_run

from regrep_paper.report.costs import HEADINGS, read_costs
from regrep_paper.report.results import choice, cost, missing, results, setting
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of, select
from regrep_paper.report.text import Value

WORDS = {"setting", "method", "n", "parameters", "chosen", "compared on"}
"""Columns that are no numbers, or counts."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    for seed, test in enumerate((0.7012, 0.7449)):
        write_run(folder / f"base{seed}", "cnn-augmented", seed, test=test, pictures=False)
        for weight in (0.25, 2.0):
            name = f"ours{weight}-{seed}"
            write_run(folder / name, "ours", seed, weight=weight, test=test - 0.0123 * weight, pictures=False)
    write_run(folder / "failed", "ours-relative", 0, weight=0.1, status="failed", pictures=False)
    write_run(folder / "running", "ours-relative", 1, weight=0.1, status=None, pictures=False)
    write_costs(folder, {"cnn-augmented D4": (1.0, 1.004, 99.96), "ours D4": (1.239, None, 123.44)})
    return rows_of(read_runs(folder)[0], read_costs(folder)[0])


def test_a_number_is_what_its_text_rounds(rows):
    chosen = select(rows)
    numbers = 0
    for table in (results(chosen), choice(rows, chosen)):
        for line in table.lines:
            for name, value in zip(table.columns, line, strict=True):
                found = re.match(r"[+-]?\d+(\.\d+)?", value.text)
                if name in WORDS or not found:
                    assert value.number is None, (name, value)
                    continue
                decimals = len((found[1] or ".")[1:])
                assert value.number is not None, (name, value)
                assert abs(float(found[0]) - value.number) <= 0.5 * 10.0**-decimals + 1e-12, (name, value)
                numbers += 1
    assert numbers > 40
    columns = results(chosen).columns
    assert {"paper", "difference to paper", "difference to cnn-augmented", *HEADINGS} <= set(columns)


def test_costs_have_two_decimals_below_a_hundred_and_one_above(rows):
    texts = {row.method: [value.text for value in cost(row)] for row in rows}
    assert texts["cnn-augmented"] == ["1.00", "1.00", "99.96"]
    assert texts["ours"] == ["1.24", "–", "123.4"]


def test_a_row_without_a_result_says_why(rows):
    by_method = {row.method: row for row in rows}
    assert missing(by_method["ours-relative"]) == "failed and unfinished"
    assert missing(by_method["ours"]) == "–"
    table = results(select(rows))
    line = next(line for line in table.signed if "ours-relative" in line)
    assert line[table.columns.index("n")] == "0 of 2"
    assert line[table.columns.index("test accuracy")] == "failed and unfinished"


def test_settings_are_shown_as_they_were_given(rows):
    ours = [row for row in rows if row.method == "ours"]
    assert [setting(row, "weight") for row in ours] == [Value("0.25", number=0.25), Value("2", number=2.0)]
    assert setting(ours[0], "nothing") == Value()
