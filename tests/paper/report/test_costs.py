"""Costs beside results: whose they are, where they are shown, and files that cannot be read."""

import csv
import io
import json

import pytest
from records_fixture import write_costs, write_run

from regrep_paper.report import build, print_table
from regrep_paper.report.costs import HEADINGS, cost_name, cost_of, read_costs
from regrep_paper.report.results import comma_separated, results
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of, select
from regrep_paper.report.text import latex

OURS = {"experiment": "ddmnist", "group": "D4", "method": "ours"}


@pytest.fixture
def records(tmp_path):
    write_run(tmp_path / "a", "cnn-augmented")
    write_run(tmp_path / "b", "ours")
    write_run(tmp_path / "c", "cnn", network="scnn")
    write_costs(
        tmp_path, {"cnn-augmented D4": (1.0, 1.0, 33.3), "scnn D4": (6.789, None, 212.34), "ours C4": (9, 9, 9)}
    )
    return tmp_path


def rows_in(folder):
    return rows_of(read_runs(folder)[0], read_costs(folder)[0])


def test_names_of_costs():
    assert cost_name({**OURS, "averaged": True}) == "ours, averaged D4"
    assert cost_name({"experiment": "medmnist3d", "group": "O", "method": "cnn", "network": "rpp-o3"}) == "rpp-o3"


def test_a_cost_belongs_to_one_experiment_group_and_size(tmp_path):
    write_costs(tmp_path / "a", {"ours D4": (1, 1, 1)})
    write_costs(tmp_path / "b", {"ours D4": (2, 1, 1)}, parameters=28114)
    write_costs(tmp_path / "c", {"ours": (3, 1, 1), "ours D4": (4, 1, 1)}, experiment="smoke")
    costs, unreadable = read_costs(tmp_path)
    assert (len(costs), unreadable) == (4, {})

    def step(config, parameters):
        found = cost_of(config, parameters, costs)
        return found and found.step

    assert [step(OURS, n) for n in (33742, 33000, 28114, 60000, None)] == [1, 1, 2, None, None]
    assert step({**OURS, "group": "C4"}, 33742) is None
    assert step({**OURS, "experiment": "smoke"}, 33742) == 3
    assert step({**OURS, "network": "scnn"}, 33742) is None


def test_every_table_has_columns_of_costs(records):
    rows = select(rows_in(records))
    table = results(rows)
    assert table.columns[-4:] == ["parameters", *HEADINGS]
    assert {line[1]: line[-3:] for line in table.signed} == {
        "cnn-augmented": ["1.00", "1.00", "33.30"],
        "ours": ["–", "–", "–"],
        "scnn": ["6.79", "–", "212.3"],
    }
    assert "step time (cnn-augmented = 1) & inference (cnn = 1)" in latex(table)
    table = {line["method"]: line for line in csv.DictReader(io.StringIO(comma_separated(rows, rows)))}
    assert [table["scnn"][name] for name in HEADINGS] == ["6.789", "", "212.34"]
    assert [table["ours"][name] for name in HEADINGS] == ["", "", ""]
    assert table["ours"]["validation accuracy, mean"] == "0.8"  # the columns after them stay where they are


def test_no_columns_where_nothing_was_measured(records):
    (records / "costs.json").unlink()
    rows = select(rows_in(records))
    assert results(rows).columns[-1] == "parameters"
    assert HEADINGS[0] not in comma_separated(rows, rows)


@pytest.mark.usefixtures("first_figure")
def test_the_report_shows_them(records):
    made = build(records)
    page, text = made.page.read_text(), made.tables[0].read_text()
    assert '<th scope="col">step memory, MiB</th>' in page
    assert "Costs were measured separately" in page
    assert text.splitlines()[0].endswith("| step memory, MiB |")
    assert text.splitlines()[2].endswith("| 1.00 | 1.00 | 33.30 |")
    assert HEADINGS[0] not in made.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not valid JSON"),
        ('{"format": 7}', "record format 7"),
        ("{}", "must hold an experiment and costs"),
        ('{"experiment": "smoke", "costs": {"cnn": {"step": 1}}}', "must hold an experiment and costs"),
        ('{"experiment": "smoke", "costs": {"cnn": 3}}', "must hold an experiment and costs"),
        (json.dumps({"experiment": "smoke", "costs": []}), "must hold an experiment and costs"),
    ],
)
def test_unreadable_costs_are_told_and_do_no_harm(records, content, reason, capsys):
    (records / "costs.json").write_text(content)
    costs, unreadable = read_costs(records)
    assert costs == []
    assert reason in unreadable[str(records / "costs.json")]
    print_table(records)
    assert f"unreadable: {records / 'costs.json'}" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [(-1, 1, 1), ("fast", 1, 1), (1, 1, [2])])
def test_costs_are_numbers(tmp_path, wrong):
    assert read_costs(write_costs(tmp_path, {"ours D4": wrong}).parent)[1]
