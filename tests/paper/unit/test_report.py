"""Reports from records: mean and spread by hand, choice on validation, marks, the paper's numbers, broken records."""

import csv
import dataclasses
import io
import json
import re
import sys

import pytest
from records_fixture import write_run

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.report import build, print_table
from regrep_paper.report.curves import spaced
from regrep_paper.report.elements import split
from regrep_paper.report.figures import draw
from regrep_paper.report.provenance import provenance
from regrep_paper.report.runs import read_run, read_runs
from regrep_paper.report.summary import summary
from regrep_paper.report.table import marks, rows_of, select, shared_seeds
from regrep_paper.report.text import (
    HEADINGS,
    beside_paper,
    cells,
    choice,
    comma_separated,
    headings,
    latex,
    markdown,
    mean_and_spread,
    plain,
)
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


def by_method(rows):
    return {row.method: row for row in rows}


def test_mean_and_spread_by_hand(records):
    rows = by_method(select(rows_in(records)))
    assert mean_and_spread(rows["cnn-augmented"], TEST) == "0.720 (0.028)"  # 0.04 / sqrt(2)
    assert rows["cnn-augmented"].seeds == [0, 1]
    assert mean_and_spread(rows["ours-relative"], TEST) == "0.710 (–)"
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
    columns, lines = choice(rows, [row])
    assert [line[columns.index("compared on")] for line in lines] == ["0.500 on seed 0", "0.600 on seed 0"]
    assert [line[columns.index("chosen")] for line in lines] == ["", "yes"]


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
    test = HEADINGS.index("test accuracy")
    told = {(line[0], line[1]): line[test] for line in cells(select(rows_in(tmp_path)))}
    assert told == {
        ("DDMNIST, C4, mnist", "cnn-augmented"): "missing",
        ("DDMNIST, C4, mnist", "ours"): "0.700 (–) *",
        ("DDMNIST, C4, mnist", "ours-relative"): "missing",
        ("DDMNIST, D4, mnist", "cnn-augmented"): "failed",
        ("DDMNIST, D4, mnist", "ours"): "0.700 (–) *",
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
        ("DDMNIST, D4, mnist, classes 10", "ours, 400 channels, no latent augmentation"),
        ("DDMNIST, D4, mnist, classes 10", "ours, 400 channels, latent augmentation"),
        ("DDMNIST, D4, mnist, classes 10", "ours, 400 channels"),
        ("DDMNIST, D4, mnist, classes 4", "ours"),
    ]


def test_marks_best_and_ties(records):
    rows = select(rows_in(records))
    assert [row.method for row in rows] == ["cnn-augmented", "ours", "ours-relative"]
    assert marks(rows, TEST) == ["best", "", "tie"]  # 0.71 lies within 0.028 of 0.72, 0.60 does not
    assert marks(rows, Measure("", "test", "accuracy", -1)) == ["", "best", ""]
    assert marks(rows, Measure("", "test", "accuracy", 0)) == ["", "", ""]


def test_a_small_spread_by_chance_tells_nothing_apart(tmp_path):
    """Two seeds that happen to agree do not make a rival with a wide spread worse."""
    for seed, (close, wide) in enumerate(((0.671, 0.60), (0.670, 0.70))):
        write_run(tmp_path / f"close{seed}", "ours", seed, test=close)
        write_run(tmp_path / f"wide{seed}", "cnn-augmented", seed, test=wide)
    assert marks(select(rows_in(tmp_path)), TEST) == ["tie", "best"]


def test_the_paper_stands_beside_its_own_task_only(tmp_path):
    write_run(tmp_path / "paper")
    write_run(tmp_path / "small", classes=4)
    write_run(tmp_path / "digits", data="digits")
    write_run(tmp_path / "wide", latent=400)
    write_run(tmp_path / "unpublished", "ours-relative")
    beside = [beside_paper(row, TEST) for row in rows_in(tmp_path)]
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
    results = tuple(Measure(f"{name} RMSE", "test", name, -1, 2) for name in ("future", "domain"))
    smoke = Experiment("SMOKE", Measure("validation RMSE", "validation", "rmse", -1), results, others=())
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
    assert headings(rows)[6:12] == [
        *("future RMSE", "paper, future RMSE", "difference, future RMSE"),
        *("domain RMSE", "paper, domain RMSE", "difference, domain RMSE"),
    ]
    assert cells(rows)[0][6:12] == ["0.80 (–) *", "0.78 (0.01)", "+0.02", "0.50 (–) *", "0.61 (0.01)", "-0.11"]
    assert experiment("unheard-of").title == "UNHEARD-OF"


def test_forms_of_the_table(records):
    rows = select(rows_in(records))
    lines = cells(rows)
    assert headings(rows) == list(HEADINGS)
    assert {len(line) for line in lines} == {len(HEADINGS)}
    assert (
        markdown(HEADINGS, lines).splitlines()[2].startswith("| DDMNIST, D4, mnist | cnn-augmented | 0.0005 | 0 | 2 |")
    )
    text = latex(HEADINGS, lines)
    assert r"\textbf{0.720 (0.028)}" in text
    assert r"\textit{0.710 (--)}" in text
    assert text.count(r"\\") == 1 + 1 + 3
    assert r"a\_b \& 5\%" in latex(["", "a_b & 5%"], [["", "x"]])
    lines_of_text = plain(HEADINGS, lines).splitlines()
    assert lines_of_text[2] == "DDMNIST, D4, mnist"
    column = lines_of_text[0].index("test accuracy")
    assert [line[column : column + 15] for line in lines_of_text[3:]] == [
        "0.720 (0.028) *", "0.600 (0.000)  ", "0.710 (–) ~    ",
    ]  # fmt: skip


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
    tests = {"cnn-augmented": (0.70, 0.72, 0.74), "ours": (0.75, 0.74, 0.76), "ours-relative": (0.85, 0.86, 0.84)}
    for method, values in tests.items():
        for seed, test in enumerate(values):
            write_run(tmp_path / f"{method}{seed}", method, seed, test=test)
    ((heading, verdict),) = summary(select(rows_in(tmp_path)))
    assert heading == "DDMNIST, D4, mnist"
    assert "ours-relative has the best mean test accuracy, 0.850 (0.010) with seeds 0, 1, 2; " in verdict
    assert "overlaps with no other" in verdict
    assert "ours +0.030 ± 0.017 (seeds 0, 1, 2)" in verdict  # of 0.05, 0.02, 0.02: sqrt(0.0006 / 2)
    assert "Too few" not in verdict


def test_summary_warns_of_overlap_and_few_seeds(records):
    ((_, verdict),) = summary(select(rows_in(records)))
    assert "overlaps with that of ours-relative 0.710 (–) with seed 0" in verdict
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
    assert facts["run"] == "a"


def test_metrics_are_read_by_epoch(tmp_path):
    """Blank and non-finite values are left out without moving the others; a repeated epoch counts once."""
    folder = write_run(tmp_path / "a")
    (folder / "metrics.csv").write_text("epoch,validation/accuracy\n0,\n1,0.5\n2,nan\n1,0.6\n")
    run = read_run(folder)
    assert run.metrics["validation/accuracy"] == {2: 0.6}
    assert run.epochs == 3


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
    assert "must tell its record format" in told["heavy0"]
    made = build(records)
    assert "record format 7" in made.page.read_text()
    assert "unreadable: " in made.text


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
    assert "0.720 (0.028) *" in capsys.readouterr().out
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
