"""Commands that answer: what is printed of a result as text and as data, and what a report says that it made."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import regrep_paper.report
from regrep.errors import MissingExtraError
from regrep.groups import parse
from regrep.groups.description import describe_json
from regrep_paper import doctor
from regrep_paper.cli import main
from regrep_paper.commands import answers, comparing
from regrep_paper.experiments import compared, fit
from regrep_paper.report import arms_page, layer_profile, models


@pytest.fixture
def tables(tmp_path):
    """A folder with the table of a report, in the place where reports go by default, and in another one."""
    for folder, seed in (("report", 0), ("other", 1)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "table.csv").write_text(f"method,seed\nours,{seed}\ncnn,{seed}\n")
    return tmp_path


@pytest.mark.parametrize(("out", "seed"), [(None, "0"), ("other", "1")])
def test_a_report_tells_its_files_and_rows(tables, monkeypatch, out, seed):
    asked = []

    def build(runs, out):
        asked.append((runs, out))
        return SimpleNamespace(text="the table", page=Path("a/report.html"), figures=[Path("b.svg"), Path("c.pdf")])

    monkeypatch.setattr(regrep_paper.report, "build", build)
    folder = tables / (out or "report")
    chosen = None if out is None else folder
    rows = [{"method": name, "seed": seed} for name in ("ours", "cnn")]
    found = {"folder": str(folder), "page": "a/report.html", "figures": ["b.svg", "c.pdf"], "rows": rows}
    assert answers.reported(tables, chosen) == (found, "the table\nreport: a/report.html")
    assert asked == [(tables, chosen)]
    (page := tables / "comparison.html").touch()
    text = f"the table\nreport: a/report.html\ncomparison, with its verdict: {page}"
    assert answers.reported(tables, chosen, drawn=False) == (found, text)


def test_tables_are_enough_where_figures_need_not_be_drawn(tables, monkeypatch):
    error = MissingExtraError("report")

    def build(runs, out):
        raise error

    monkeypatch.setattr(regrep_paper.report, "build", build)
    for drawn in ((), (True,)):
        with pytest.raises(MissingExtraError):
            answers.reported(tables, None, *drawn)
    found, text = answers.reported(tables, tables / "other", False)
    assert {name: found[name] for name in ("folder", "page", "figures")} == {
        "folder": str(tables / "other"), "page": None, "figures": [],
    }  # fmt: skip
    assert [row["seed"] for row in found["rows"]] == ["1", "1"]
    assert text == f"tables: {tables / 'other' / 'table.md'}; for figures: {error}"


def test_report_prints_what_was_made(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(answers, "reported", lambda *given: asked.append(given) or ({"rows": [1]}, "the table"))
    for words, given in ((["runs"], ("runs", None)), (["a.jsonl", "-o", "o"], ("a.jsonl", Path("o")))):
        assert main(["report", *words]) == 0
        assert capsys.readouterr().out == "the table\n"
        assert main(["report", *words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"rows": [1]}
        assert asked == [(Path(given[0]), given[1])] * 2
        asked.clear()


class Found:
    def as_dict(self):
        return {"error": [0.5]}

    def __str__(self):
        return "an error"


def test_what_was_measured_is_printed(monkeypatch, capsys):
    for name, words in (("measure", []), ("measure_layers", ["--layers"])):
        monkeypatch.setattr(fit, name, lambda *given: Found())
        assert main(["measure", "run", *words]) == 0
        assert capsys.readouterr().out == "an error\n"
        assert main(["measure", "run", *words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"error": [0.5]}


def test_layers_are_drawn_where_asked(monkeypatch, capsys, tmp_path):
    drawn = []
    monkeypatch.setattr(layer_profile, "write_figure", lambda *given: drawn.append(given))
    monkeypatch.setattr(fit, "measure_layers", lambda *given: Found())
    monkeypatch.setattr(fit, "measure", lambda *given: pytest.fail("of the latent alone"))
    words = ["measure", "runs/one", "--figure", str(tmp_path / "a.svg")]
    assert main([*words, "--layers"]) == 0
    assert drawn == [(tmp_path / "a.svg", {"error": [0.5]}, "one")]
    assert main(["measure", "runs/one", "--layers"]) == 0
    assert len(drawn) == 1
    capsys.readouterr()
    for wrong, told in (
        (words, "--figure draws the layers of a network; add --layers, or leave it out"),
        (
            ["measure", "run", "--layers", "--figure", "a.png"],
            "argument --figure: a figure is an SVG file, got a.png; name it a.svg",
        ),
        (
            ["measure", "run", "--layers", "--figure", "no/such/a.svg"],
            "argument --figure: there is no folder no/such for the figure; make it first",
        ),
    ):
        with pytest.raises(SystemExit):
            main(wrong)
        assert capsys.readouterr().err == f"regrep measure: {told}\n"


def test_answers_as_data(monkeypatch, capsys):
    def data(*words):
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert data("groups", "C4") == json.loads(json.dumps(describe_json(parse("C4"))))
    monkeypatch.setattr(models, "models", lambda: [{"network": "cnn"}])
    monkeypatch.setattr(models, "models_text", lambda width: "text")
    assert data("models") == [{"network": "cnn"}]
    monkeypatch.setattr(doctor, "lines", lambda: [("regrep", "1"), ("numpy", "2")])
    assert data("doctor") == {"regrep": "1", "numpy": "2"}
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "regrep         1\nnumpy          2\n"


@pytest.mark.parametrize("command", ["compare", "demo"])
def test_a_comparison_leaves_a_page_and_its_verdict(monkeypatch, capsys, tmp_path, command):
    class Compared:
        verdict = "ours helps"

        def table(self):
            return [{"arm": "ours", "gain": float("nan")}]

        def __str__(self):
            return "a table"

    order = []
    monkeypatch.setattr(arms_page, "check_page", lambda: order.append("checked"))
    monkeypatch.setattr(arms_page, "comparison_page", lambda found: f"page of {found}")
    monkeypatch.setattr(compared, "compare_task", lambda *given, **options: order.append("trained") or (4, Compared()))
    words = [command, *(["digits"] if command == "compare" else []), "--out", str(tmp_path)]
    page = tmp_path / "comparison.html"
    assert main(words) == 4
    assert order == ["checked", "trained"]  # a missing package is told before hours of training
    assert page.read_text() == "page of a table"
    assert capsys.readouterr().out == f"\na table\n\nreport: {page}\n"
    assert main([*words, "--json"]) == 4
    found = {"verdict": "ours helps", "table": [{"arm": "ours", "gain": None}], "page": str(page)}
    assert json.loads(capsys.readouterr().out) == found


def test_names_of_arms_stand_between_commas_or_spaces():
    assert comparing._names(["a,b", " c ,", "d"]) == ["a", "b", "c", "d"]
    assert comparing._names([","]) == ["", ""]  # refused with what was typed
