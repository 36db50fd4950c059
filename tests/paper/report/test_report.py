"""Reports from records: mean and spread by hand, choice on validation, marks, the paper's numbers, broken records."""

import csv
import dataclasses
import io
import json
import re
import sys

import numpy as np
import pytest
from records_fixture import summary, write_run

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.report import build, print_table
from regrep_paper.report.comparison import baseline, difference, marks
from regrep_paper.report.curves import spaced
from regrep_paper.report.elements import split
from regrep_paper.report.figures import draw
from regrep_paper.report.provenance import provenance
from regrep_paper.report.results import beside_paper, choice, comma_separated, measured, results
from regrep_paper.report.runs import read_run, read_runs
from regrep_paper.report.table import rows_of, select, shared_seeds
from regrep_paper.report.text import Table, Value, latex, markdown, plain
from regrep_paper.runs.hits import Hits
from regrep_paper.tables.columns import Experiment, Measure
from regrep_paper.tables.index import DEFINITIONS, TABLES, experiment, published
from regrep_paper.tables.published import Published

TEST = Measure("test accuracy", "test", "accuracy", 1)


@pytest.fixture
def records(tmp_path):
    for seed, test in enumerate((0.70, 0.74)):
        write_run(tmp_path / f"cnn{seed}", "cnn-augmented", seed, test=test)
        write_run(tmp_path / f"light{seed}", seed=seed, weight=0.5, validation=0.81, test=0.60)
        write_run(tmp_path / f"heavy{seed}", seed=seed, weight=2.0, validation=0.79, test=0.90)
    write_run(tmp_path / "one", "ours-relative", 0, weight=0.1, test=0.71)
    write_run(tmp_path / "failed", "ours-relative", 1, weight=0.1, status="failed")
    write_run(tmp_path / "running", "ours-relative", 2, weight=0.1, status=None, done_epochs=2)
    return tmp_path


def rows_in(folder):
    return rows_of(read_runs(folder)[0])


def column(table, name):
    """Texts of a column, with marks as signs."""
    return [line[table.columns.index(name)] for line in table.signed]


def by_method(rows):
    return {row.method: row for row in rows}


def test_mean_and_spread_by_hand(records):
    rows = by_method(select(rows_in(records)))
    assert measured(rows["cnn-augmented"], TEST).text == "0.720 (0.028)"  # 0.04 / sqrt(2)
    assert rows["cnn-augmented"].seeds == [0, 1]
    assert measured(rows["ours-relative"], TEST).text == "0.710 (–)"
    assert [run.state for run in rows["ours-relative"].open] == [
        "failed: the loss is not finite",
        "unfinished, epoch 2 of 3",
    ]


def test_choice_looks_at_validation_only(records):
    rows = rows_in(records)
    assert len(rows) == 4
    assert by_method(select(rows))["ours"].tuned["weight"] == 0.5  # better on validation, though worse on test


def test_choice_compares_common_seeds(tmp_path):
    """A setting does not win by a lucky extra seed."""
    for seed, validation in enumerate((0.5, 0.9)):
        write_run(tmp_path / f"a{seed}", seed=seed, weight=1.0, validation=validation)
    write_run(tmp_path / "b0", seed=0, weight=2.0, validation=0.6)
    rows = rows_in(tmp_path)
    assert shared_seeds(rows) == [0]
    (row,) = select(rows)
    assert row.tuned["weight"] == 2.0
    table = choice(rows, [row])
    assert column(table, "compared on") == ["0.500 on seed 0", "0.600 on seed 0"]
    assert column(table, "chosen") == ["", "yes"]


def test_without_common_seeds_each_setting_counts_with_its_own(tmp_path):
    write_run(tmp_path / "a", seed=0, weight=1.0, validation=0.5)
    write_run(tmp_path / "b", seed=1, weight=2.0, validation=0.6)
    (row,) = select(rows_in(tmp_path))
    assert row.tuned["weight"] == 2.0


def test_equal_candidates_give_the_first(tmp_path):
    for weight in (2.0, 0.5, 1.0):
        write_run(tmp_path / f"w{weight}", weight=weight)
    (row,) = select(rows_in(tmp_path))
    assert row.tuned["weight"] == 0.5


def test_a_setting_that_failed_is_not_chosen(tmp_path):
    write_run(tmp_path / "a", weight=1.0, validation=0.9, status="failed")
    write_run(tmp_path / "b", weight=2.0, validation=0.1)
    (row,) = select(rows_in(tmp_path))
    assert row.tuned["weight"] == 2.0


def test_a_repeated_seed_counts_once(tmp_path):
    write_run(tmp_path / "a", test=0.6)
    write_run(tmp_path / "b", test=0.8)
    write_run(tmp_path / "c", status="failed")
    (row,) = rows_in(tmp_path)
    assert (row.seeds, len(row.open)) == ([0], 0)


def test_lines_without_a_number_say_why(tmp_path):
    write_run(tmp_path / "a", group="D4")
    write_run(tmp_path / "b", "cnn-augmented", group="D4", status="failed")
    write_run(tmp_path / "c", "ours-relative", group="D4", status=None)
    write_run(tmp_path / "d", group="C4")
    table = results(select(rows_in(tmp_path)))
    names = ("setting", "method", "test accuracy")
    found = {(a, b): c for a, b, c in zip(*(column(table, name) for name in names), strict=True)}
    assert found == {
        ("DDMNIST, C4, mnist", "cnn-augmented"): "missing",
        ("DDMNIST, C4, mnist", "ours"): "0.700 (–)",
        ("DDMNIST, C4, mnist", "ours-relative"): "missing",
        ("DDMNIST, D4, mnist", "cnn-augmented"): "failed",
        ("DDMNIST, D4, mnist", "ours"): "0.700 (–)",
        ("DDMNIST, D4, mnist", "ours-relative"): "unfinished",
    }


def test_other_problems_are_not_compared(tmp_path):
    """Other data, another group or fewer classes make a heading of their own; other networks a label."""
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", classes=4)
    write_run(tmp_path / "c", data="digits")
    write_run(tmp_path / "d", latent=400)
    write_run(tmp_path / "e", latent=400, latent_augmentation=True)
    write_run(tmp_path / "f", latent=400, latent_augmentation=False, seed=1)
    assert [(row.heading, row.label) for row in rows_in(tmp_path)] == [
        ("DDMNIST, D4, digits", "ours"),
        ("DDMNIST, D4, mnist, classes 10", "ours"),
        ("DDMNIST, D4, mnist, classes 10", "ours, 400 channels"),
        ("DDMNIST, D4, mnist, classes 10", "ours, 400 channels, latent augmentation"),
        ("DDMNIST, D4, mnist, classes 10", "ours, 400 channels"),
        ("DDMNIST, D4, mnist, classes 4", "ours"),
    ]


def write_pair(folder, ones, others, method="ours", **settings):
    """Runs of a method and of the baseline, seed by seed."""
    for seed, (one, other) in enumerate(zip(ones, others, strict=True)):
        write_run(folder / f"{method}{seed}", method, seed, test=one, **settings)
        if not (folder / f"base{seed}").exists():
            write_run(folder / f"base{seed}", "cnn-augmented", seed, test=other)
    return select(rows_in(folder))


def test_the_best_is_marked_where_its_interval_excludes_zero(tmp_path):
    rows = write_pair(tmp_path, (0.80, 0.75, 0.71), (0.70, 0.66, 0.60))  # 0.10 +- 0.025: t = 4.3, s = 0.01
    assert marks(rows, TEST) == ["", "best"]
    assert marks(rows, Measure("", "test", "accuracy", -1)) == ["best", ""]
    assert marks(rows, Measure("", "test", "accuracy", 0)) == ["", ""]
    found = difference(rows[1], rows[0], TEST)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1 - 0.024841, 0.1 + 0.024841), abs=1e-6)
    assert column(results(rows), "difference to cnn-augmented") == ["–", "+0.100 [+0.075, +0.125], n = 3"]


def test_means_of_three_alone_mark_nothing(tmp_path):
    """The seeds scatter less than the means differ, but not their differences."""
    rows = write_pair(tmp_path, (0.74, 0.75, 0.76), (0.73, 0.73, 0.70))
    assert rows[1].mean(TEST) - rows[0].mean(TEST) > rows[1].spread(TEST)
    assert marks(rows, TEST) == ["tie", "tie"]


def test_one_seed_and_one_row_are_not_marked(tmp_path):
    rows = write_pair(tmp_path, (0.9,), (0.1,))
    assert marks(rows, TEST) == ["", ""]
    assert column(results(rows), "difference to cnn-augmented") == ["–", "+0.800, n = 1"]
    assert marks(rows[:1], TEST) == [""]


def test_one_close_rival_takes_the_mark(tmp_path):
    write_pair(tmp_path, (0.80, 0.75, 0.71), (0.70, 0.66, 0.60))
    rows = write_pair(tmp_path, (0.79, 0.76, 0.70), (0.0,) * 3, "ours-relative", weight=0.1)
    assert marks(rows, TEST) == ["", "tie", "tie"]


def test_a_control_is_not_marked_and_takes_the_mark_of_what_it_shows_as_well(tmp_path):
    write_pair(tmp_path, (0.80, 0.75, 0.71), (0.70, 0.66, 0.60))
    rows = write_pair(tmp_path, (0.70, 0.64, 0.60), (0.0,) * 3, "ours-permuted")
    assert marks(rows, TEST) == ["", "best", ""]
    rows = write_pair(tmp_path, (0.99, 0.2, 0.99), (0.0,) * 3, "ours-shuffled")
    assert {row.method: mark for row, mark in zip(rows, marks(rows, TEST), strict=True)} == {
        "cnn-augmented": "", "ours": "tie", "ours-permuted": "", "ours-shuffled": "",
    }  # fmt: skip
    rows = write_pair(tmp_path, (0.99, 0.98, 0.99), (0.0,) * 3, "latent-augmented")
    assert "latent-augmented is a control: a gain that it shows is not one of equivariance" in summary(rows)[0][1]


def test_hits_give_an_interval_over_digits(tmp_path):
    """With the hits of each test sample even one seed has an interval, on the samples that both methods saw."""
    rows = write_pair(tmp_path, (0.8, 0.8), (0.6, 0.6))
    units = np.arange(400, dtype=np.uint32)[:, None]
    for seed, (one, other) in enumerate(((320, 240), (328, 232))):
        for name, right in (("ours", one), ("base", other)):
            path = tmp_path / f"{name}{seed}" / "done.json"
            hits = Hits(np.arange(400) < right, units + 1000 * seed)
            path.write_text(json.dumps(json.loads(path.read_text()) | {"hits": hits.as_dict()}))
    rows = select(rows_in(tmp_path))
    found = difference(rows[1], rows[0], TEST)
    assert found.mean == pytest.approx(0.22)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.22 * 0.78 / 800) ** 0.5, rel=0.1)
    assert marks(rows, TEST) == ["", "best"]
    single = [dataclasses.replace(row, runs=row.runs[:1]) for row in rows]
    assert difference(*reversed(single), TEST).low > 0
    assert marks(single, TEST) == ["", ""]
    assert "Too few seeds to decide anything" in summary(single)[0][1]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hits": {"samples": 3}}))
    damaged = difference(*reversed(select(rows_in(tmp_path))), TEST)
    assert (damaged.mean, damaged.low) == pytest.approx((0.2, 0.2))  # over seeds again


def test_there_is_one_baseline_or_none(tmp_path):
    assert baseline(write_pair(tmp_path, (0.9,), (0.1,))).method == "cnn-augmented"
    write_run(tmp_path / "wide", "cnn-augmented", latent=400)
    assert baseline(select(rows_in(tmp_path))) is None


def test_the_error_of_older_records_is_not_shown(tmp_path):
    """It was not centred, and cannot be made anew from a record."""
    old = write_run(tmp_path / "old") / "done.json"
    content = json.loads(old.read_text())
    content["test"]["relative_error"] = content["test"].pop("whitened_error")
    old.write_text(json.dumps(content))
    done = write_run(tmp_path / "new", "cnn-augmented") / "done.json"
    content = json.loads(done.read_text())
    content["test"] = {"accuracy": 0.7, "through_rho": 0.25, "whitened_error": 0.5, "moving_share": float("nan")}
    done.write_text(json.dumps(content))
    table = results(select(rows_in(tmp_path)))
    assert column(table, "whitened error") == ["0.500 (–)", "–"]
    assert column(table, "through rho") == ["0.250 (–)", "–"]
    assert "relative error" not in table.columns
    assert "moving share" not in table.columns  # nan is no value, and the column is empty


def test_the_paper_stands_beside_its_own_task_only(tmp_path):
    write_run(tmp_path / "paper")
    write_run(tmp_path / "small", classes=4)
    write_run(tmp_path / "digits", data="digits")
    write_run(tmp_path / "wide", latent=400)
    write_run(tmp_path / "unpublished", "ours-relative")
    beside = [tuple(value.text for value in beside_paper(row, TEST)) for row in rows_in(tmp_path)]
    assert sum(pair == ("0.868 (0.002)", "-0.168") for pair in beside) == 1
    assert sum(pair == ("–", "–") for pair in beside) == 4


def test_published_numbers():
    config = {"experiment": "ddmnist", "data": "mnist", "group": "C4", "method": "cnn-augmented"}
    assert published(config) == Published(0.907, 0.004, 0.03)
    assert published({**config, "method": "pscnn", "group": "D4"}) == Published(0.842, 0.011, 1.23)
    assert published({**config, "method": "cnn"}) is None
    assert published({**config, "experiment": "unknown"}) is None
    organ = {"experiment": "medmnist3d", "data": "organ", "group": "O", "method": "ours"}
    assert published(organ, "accuracy_upright") == Published(0.642, 0.056, 0.19)
    assert published(organ, "accuracy") is None  # the paper tests on upright volumes
    assert published({**organ, "any_file": True}, "accuracy_upright") is None
    smoke = {"experiment": "smoke", "group": "C4", "method": "ours"}
    assert published(smoke, "domain") == Published(0.61, 0.01, 0.25)
    assert [len(table.entries) for table in TABLES.values()] == [18, 27, 20]


def test_another_experiment_needs_data_alone(tmp_path, monkeypatch):
    """Columns, the sense of better and two results beside the paper's come from the description."""
    measures = tuple(Measure(f"{name} RMSE", "test", name, -1, 2) for name in ("future", "domain"))
    smoke = Experiment("SMOKE", Measure("validation RMSE", "validation", "rmse", -1), measures, others=())
    monkeypatch.setitem(DEFINITIONS, "smoke", dataclasses.replace(DEFINITIONS["smoke"], columns=smoke))
    for weight, rmse in ((1.0, 0.5), (2.0, 0.9)):
        done = (
            write_run(tmp_path / str(weight), experiment="smoke", group="C4", data="plumes", weight=weight)
            / "done.json"
        )
        content = json.loads(done.read_text())
        content |= {"validation": {"rmse": rmse}, "test": {"future": rmse + 0.3, "domain": rmse}}
        done.write_text(json.dumps(content))
    rows = select(rows_in(tmp_path))
    assert [row.tuned["weight"] for row in rows] == [1.0]
    table = results(rows)
    start = table.columns.index("future RMSE")
    assert table.columns[start : start + 6] == [
        *("future RMSE", "paper, future RMSE", "difference to paper, future RMSE"),
        *("domain RMSE", "paper, domain RMSE", "difference to paper, domain RMSE"),
    ]
    expected = ["0.80 (–)", "0.78 (0.01)", "+0.02", "0.50 (–)", "0.61 (0.01)", "-0.11"]
    assert table.signed[0][start : start + 6] == expected
    assert experiment("unheard-of").title == "UNHEARD-OF"


def test_forms_of_the_table():
    lines = [
        ("a & b", Value("cnn"), Value("0.720 (0.028)", "best")),
        ("a & b", Value("ours_1"), Value("0.710 (–)", "tie")),
    ]
    table = Table(["setting", "method", "test 5%"], [[Value(problem), *line] for problem, *line in lines])
    assert markdown(table.columns, table.signed).splitlines()[2:] == [
        "| a &amp; b | cnn | 0.720 (0.028) * |", "| a &amp; b | ours_1 | 0.710 (–) ~ |",
    ]  # fmt: skip
    text = latex(table)
    assert r"\textbf{0.720 (0.028)}" in text
    assert r"ours\_1 & \textit{0.710 (--)} \\" in text
    assert r"method & test 5\% \\" in text
    assert r"\multicolumn{2}{l}{a \& b}" in text
    assert plain(table.columns, table.signed).splitlines()[2:] == [
        "a & b",
        "cnn     0.720 (0.028) *",
        "ours_1  0.710 (–) ~",
    ]


def test_columns_are_hidden_by_name():
    table = Table(
        ["a", "b", "c", "n"], [[Value("x"), Value("1"), Value(), Value()], [Value("y"), Value(), Value(), Value()]]
    )
    assert table.filled().columns == ["a", "b"]
    assert table.filled(("n",)).columns == ["a", "b", "n"]
    assert table.without({"a", "nothing"}).lines[0] == [Value("1"), Value(), Value()]


def test_csv_holds_every_setting_unrounded(records):
    rows = rows_in(records)
    table = list(csv.DictReader(io.StringIO(comma_separated(rows, select(rows)))))
    assert [(line["method"], line["weight"], line["chosen"]) for line in table] == [
        ("cnn-augmented", "0", "yes"),
        ("ours", "0.5", "yes"),
        ("ours", "2.0", "no"),
        ("ours-relative", "0.1", "yes"),
    ]
    assert float(table[0]["test accuracy, mean"]) == pytest.approx(0.72)
    assert float(table[0]["test accuracy, deviation"]) == pytest.approx(0.04 / 2**0.5)
    assert table[0]["test accuracy, paper"] == "0.8"
    assert (table[3]["n"], table[3]["not finished"], table[3]["test accuracy, deviation"]) == ("1", "2", "")


def test_summary_says_what_the_numbers_carry(tmp_path):
    tests = {"cnn-augmented": (0.70, 0.72, 0.74), "ours": (0.75, 0.74, 0.76), "ours-relative": (0.85, 0.875, 0.88)}
    for method, values in tests.items():
        for seed, test in enumerate(values):
            write_run(tmp_path / f"{method}{seed}", method, seed, test=test)
    ((heading, verdict),) = summary(select(rows_in(tmp_path)))
    assert heading == "DDMNIST, D4, mnist"
    assert "ours-relative has the best mean test accuracy, 0.868 (0.016) with seeds 0, 1, 2; " in verdict
    assert "the 95 % interval of its paired difference excludes 0 for every other method." in verdict
    assert "ours +0.030 [-0.013, +0.073], n = 3" in verdict  # of 0.05, 0.02, 0.02: 4.303 sqrt(0.0003 / 3)
    assert "Too few" not in verdict


def test_summary_warns_of_overlap_and_few_seeds(records):
    ((_, verdict),) = summary(select(rows_in(records)))
    assert (
        "it is not separated from ours 0.600 (0.000) with seeds 0, 1, ours-relative 0.710 (–) with seed 0." in verdict
    )
    assert "Too few seeds to decide anything (three or more would be needed): cnn-augmented 2, ours 2" in verdict


def test_summary_of_unfinished_runs(tmp_path):
    write_run(tmp_path / "a", status=None)
    assert summary(select(rows_in(tmp_path))) == [("DDMNIST, D4, mnist", "no run is finished yet.")]


def test_facts_that_all_runs_share_are_told_once(records):
    shared, columns, lines = provenance(read_runs(records)[0])
    assert shared["commit"] == "abcdef0123"
    assert shared["data"] == "mnist: train 10,000, validation 2,000, test 5,000"
    assert "md5" not in " ".join(columns)
    assert columns[-2:] == ["started", "seed"]
    assert lines[0][:5] == ["cnn0", "finished", "3", "3", "10.0"]


def test_resumed_runs_name_all_commits(tmp_path):
    folder = write_run(tmp_path / "a")
    record = json.loads((folder / "run.json").read_text())
    record["resumed"] = [{"git": {"commit": "0123456789abcdef", "dirty": True}}]
    (folder / "run.json").write_text(json.dumps(record))
    _, columns, lines = provenance([read_run(folder)])
    facts = dict(zip(columns, lines[0], strict=True))
    assert facts["commit"] == "abcdef0123, 0123456789 with changes"
    assert facts["resumed"] == "1"
    assert column(results(select(rows_in(tmp_path))), "n") == ["1, resumed"]
    assert facts["run"] == "a"


def test_metrics_are_read_by_epoch(tmp_path):
    """Blank and non-finite values are left out without moving the others; a repeated epoch counts once."""
    folder = write_run(tmp_path / "a")
    (folder / "metrics.csv").write_text("epoch,validation/accuracy\n0,\n1,0.5\n2,nan\n1,0.6\n")
    run = read_run(folder)
    assert run.metrics["validation/accuracy"] == {2: 0.6}
    assert run.epochs == 3


@pytest.mark.usefixtures("first_figure")
def test_unreadable_records_are_told_and_do_no_harm(records):
    (records / "cnn0" / "run.json").write_text('{"format": 1, "config"')
    (records / "cnn1" / "done.json").write_text('{"format": 7}')
    (records / "one" / "metrics.csv").write_text("epoch,validation/accuracy\n0,many\n")
    (records / "light0" / "run.json").write_text('{"format": 1, "config": {"method": "ours"}}')
    (records / "light1" / "done.json").write_text('{"format": 1, "status": "perhaps"}')
    (records / "heavy0" / "run.json").write_text('{"config": {}}')
    runs, unreadable = read_runs(records)
    assert len(runs) == 3
    told = unreadable
    assert "cnn0/run.json is not valid JSON" in told["cnn0"]
    assert "record format 7" in told["cnn1"]
    assert "one/metrics.csv must be a table of numbers" in told["one"]
    assert 'must name the run\'s experiment, seed under "config"' in told["light0"]
    assert 'must have the status "finished" or "failed", got \'perhaps\'' in told["light1"]
    assert "must have its record format" in told["heavy0"]
    made = build(records)
    assert "record format 7" in made.page.read_text()
    assert "unreadable: " in made.text


def places(content):
    """Every object and list in a record, with a key of it."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield content, key
        if isinstance(value, (dict, list)):
            yield from places(value)


@pytest.mark.parametrize("name", ["run.json", "done.json"])
@pytest.mark.parametrize("value", ["x", [1], {"a": 1}, -1, None])
def test_no_odd_value_in_one_record_hides_the_others(tmp_path, name, value):
    """Wherever it stands: the run is shown with it or listed as unreadable."""
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", "ours", seed, group="D1", pictures=False)
    path = tmp_path / "a0" / name
    text = path.read_text()
    for k in range(len(list(places(json.loads(text))))):
        content = json.loads(text)
        part, key = list(places(content))[k]
        part[key] = value
        path.write_text(json.dumps(content))
        runs, unreadable = read_runs(tmp_path)
        assert len(runs) + len(unreadable) == 2
        rows = select(rows_of(runs))
        assert results(rows).lines
        assert summary(rows)
        provenance(runs)


def test_runs_without_metrics_or_equivariance_do_no_harm(tmp_path):
    folder = write_run(tmp_path / "a", pictures=False)
    (folder / "metrics.csv").unlink()
    content = json.loads((folder / "done.json").read_text())
    del content["equivariance"], content["validation"]
    (folder / "done.json").write_text(json.dumps(content))
    made = build(tmp_path)
    assert made.figures == ()
    assert "0.700 (–)" in made.text


def test_half_written_pictures_do_no_harm(tmp_path):
    folder = write_run(tmp_path / "a")
    pictures = (folder / "examples.npz").read_bytes()
    (folder / "examples.npz").write_bytes(pictures[: len(pictures) // 2])
    assert "examples" not in [figure.name for figure in draw(select(rows_in(tmp_path)))]


def test_empty_folders_say_so(tmp_path):
    with pytest.raises(RegrepError, match=r"holds no run \(no run.json in it or below\); start one with regrep fit"):
        build(tmp_path)
    with pytest.raises(RegrepError, match="there is no folder .*nowhere; name one that holds runs"):
        build(tmp_path / "nowhere")
    with pytest.raises(RegrepError, match="holds no run"):
        print_table(tmp_path)


@pytest.mark.parametrize("absent", ["matplotlib", "jinja2"])
def test_tables_need_no_extra(records, monkeypatch, capsys, absent):
    for name in ("figures", "style", "curves", "elements", "examples"):
        monkeypatch.delitem(sys.modules, f"regrep_paper.report.{name}", raising=False)
    monkeypatch.setitem(sys.modules, absent, None)  # importing it fails
    print_table(records)
    assert "0.720 (0.028)" in capsys.readouterr().out
    with pytest.raises(MissingExtraError, match=r"regrep\[report\]"):
        build(records, records / "out")
    assert sorted(path.name for path in (records / "out").iterdir()) == ["table.csv", "table.md", "table.tex"]


def test_names_at_lines_keep_apart():
    assert spaced([0.2, 0.8], 0.1) == [0.2, 0.8]
    assert spaced([0.81, 0.8], 0.1) == pytest.approx([0.855, 0.755])
    assert spaced([1.0, 1.0, 0.99], 0.1) == pytest.approx([0.9, 1.0, 0.8])
    assert spaced([], 0.1) == []


def test_elements_of_products_make_a_grid():
    assert split(["(e, e)", "(e, s)", "(r, e)", "(r, s)"]) == (["e", "r"], ["e", "s"])
    assert split(["(e, e)", "(r, s)", "(e, s)", "(r, e)"]) is None  # not row by row
    assert split(["(e, e)", "(e, s)", "(r, e)"]) is None
    assert split(["(e, e)", "s"]) is None
    assert split(["e", "s"]) is None


def test_identifiers_of_figures_do_not_clash(tmp_path):
    """All figures stand in one page, where an identifier may occur once."""
    write_run(tmp_path / "a", group="D1")
    write_run(tmp_path / "b", group="S4")
    figures = draw(select(rows_in(tmp_path)))
    names = [name for figure in figures for name in re.findall(r'\bid="([^"]*)"', figure.svg)]
    assert len(names) == len(set(names)) > 20
    for figure in figures:
        used = set(re.findall(r'(?:href="#|url\(#)([^")]*)', figure.svg))
        assert used <= set(re.findall(r'\bid="([^"]*)"', figure.svg))
