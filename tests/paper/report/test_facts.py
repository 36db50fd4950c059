"""What a report says beside its numbers: facts of runs, contents of the page, looks of rows, texts of tables."""

from pathlib import Path

import pytest

from regrep_paper.report.captioned import Captioned, by_setting, of_paper
from regrep_paper.report.provenance import commands, provenance
from regrep_paper.report.runs import Run
from regrep_paper.report.style import COLOURS, DASHES, OTHER, canvas, colour_of, look, place, write_heading
from regrep_paper.report.table import Row, _place
from regrep_paper.report.text import Table, Value, latex, markdown, plain, wrapped
from regrep_paper.tables.columns import Measure
from regrep_paper.tables.index import TABLES
from regrep_paper.tables.methods import METHODS


def run(name="a", done=None, epochs=3, **record):
    record = {"config": {"seed": 4}, "run_id": name, **record}
    return Run(name, record, done, {}, epochs, Path("x"))


def facts(*runs):
    shared, headings, lines = provenance(runs)
    return shared, [dict(zip(headings, line, strict=True)) for line in lines]


def test_a_run_that_tells_little_has_dashes():
    shared, (line,) = facts(run())
    assert shared == {}  # of a single run every fact stands in its line
    assert line == {
        "run": "a", "state": "unfinished, epoch 3", "epochs": "3", "best epoch": "–", "minutes": "–", "started": "–",
        "resumed": "0", "seed": "4", "data": "–", "data files (md5)": "–", "device": "–", "precision": "–",
        "parameters": "–", "commit": "–", "versions": "–",
    }  # fmt: skip


def test_a_run_that_tells_everything():
    done = {"status": "finished", "best_epoch": 6, "epochs": 9, "seconds": 90}
    start = {"git": {"commit": "a" * 40, "dirty": True}}
    whole = run(
        "b", done, started="2026-01-01T10:00", device="cpu", precision="32-true", parameters=1234567,
        data={"name": "digits", "sizes": {"train": 1000, "test": "few"}, "files": {"x": {"md5": "1"}, "y": {}}},
        git={"commit": "b" * 40}, resumed=[start, start], versions={"torch": "2", "escnn": None, "numpy": "3"},
    )  # fmt: skip
    _, (line,) = facts(whole)
    assert line == {
        "run": "b", "state": "finished", "epochs": "9", "best epoch": "7", "minutes": "1.5",
        "started": "2026-01-01 10:00", "resumed": "2", "seed": "4", "data": "digits: train 1,000, test –",
        "data files (md5)": "x 1, y ?", "device": "cpu", "precision": "32-true", "parameters": "1,234,567",
        "commit": "bbbbbbbbbb, aaaaaaaaaa with changes", "versions": "torch 2, numpy 3",
    }  # fmt: skip
    shared, lines = facts(whole, run("c", {"status": "failed", "seconds": "long"}, device="cpu"))
    assert shared == {"seed": "4", "device": "cpu"}
    assert (lines[1]["run"], lines[1]["state"]) == ("c", "failed: no reason given")
    assert (lines[1]["minutes"], lines[1]["best epoch"], lines[1]["data"]) == ("–", "–", "–")
    assert "device" not in lines[1]


def test_what_was_typed_can_be_typed_again():
    typed = run(command=["regrep", "fit", "--out", "a b", 3])
    assert commands([typed, run("c")]) == [("a", "regrep fit --out 'a b' 3"), ("c", "")]


def row(method, heading="H", label=None, **key):
    return Row({"experiment": "ddmnist", "method": method, **key}, heading=heading, label=label or method)


def test_rows_of_a_method_share_its_colour_and_differ_in_dashes():
    rows = [row("ours", latent=k) for k in range(len(DASHES) + 1)]
    others = [row("cnn"), row("ours", heading="I"), row("no method")]
    every = [others[0], *rows, *others[1:]]
    assert [look(one, every)["linestyle"] for one in rows] == [*DASHES, DASHES[0]]
    assert [look(one, every)["linestyle"] for one in others] == [DASHES[0]] * 3
    assert {look(one, every)["color"] for one in rows} == {METHODS["ours"].colour} == {COLOURS["ours"]}
    assert [colour_of(one) for one in others] == [METHODS["cnn"].colour, METHODS["ours"].colour, OTHER]
    assert colour_of(row("cnn", network="rpp")) == COLOURS["rpp"]


def test_places_are_inches_from_the_upper_left_corner():
    figure = canvas(8, 4)
    axis = place(figure, 2, 1, 4, 0.5)
    assert figure.get_size_inches().tolist() == [8, 4]
    box = axis.get_position()
    assert [box.x0, box.y0, box.width, box.height] == pytest.approx([0.25, 1 - 1.5 / 4, 0.5, 0.125])
    write_heading(figure, 2, 1, "words")
    (text,) = figure.texts
    assert (text.get_text(), text.get_position(), text.get_va()) == ("words", (0.25, 0.75), "top")


LINES = [["one", "a", "1"], ["two", "bb", "22"], ["one", "ccc", "3"]]


def test_plain_text_has_a_block_per_problem():
    assert plain(["", "name", "n"], LINES) == "name  n\n--------\none\na     1\nccc   3\n\ntwo\nbb    22\n"


def test_markdown_has_a_line_of_dashes_and_no_html():
    text = markdown(["a", "b"], [["x|y", "<b>&\nc"]])
    assert text == "| a | b |\n|---|---|\n| x\\|y | &lt;b>&amp; c |\n"


def test_latex_has_the_problems_between_rules_and_no_special_letters():
    lines = [[Value("p_1"), Value("~^\\"), Value("50%", "best")], [Value("q"), Value("{#$}"), Value("1 – 2", "tie")]]
    assert latex(Table(["problem", "name", "n & m"], lines)).splitlines() == [
        r"\begin{tabular}{lr}", r"\toprule", r"name & n \& m \\",
        r"\midrule", r"\multicolumn{2}{l}{p\_1} \\",
        r"\textasciitilde{}\textasciicircum{}\textbackslash{} & \textbf{50\%} \\",
        r"\midrule", r"\multicolumn{2}{l}{q} \\", r"\{\#\$\} & \textit{1 -- 2} \\",
        r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip


def test_wide_columns_give_way_first_and_notes_stand_below():
    columns, lines = ["", "name", "words"], [["p", "abcd", "one two three four"], ["q", "a b", "five"]]
    text = wrapped(columns, lines, ["a long note that has to be cut", ""], 15)
    assert text.splitlines() == [
        "name  words", "---------------", "p", "abcd  one two", "      three", "      four",
        "    a long note", "    that has to", "    be cut", "", "q", "a b   five",
    ]  # fmt: skip
    whole = wrapped(columns, lines, ["", ""], 80)
    assert whole.splitlines() == ["name  words", "-" * 24, "p", "abcd  one two three four", "", "q", "a b   five"]
    narrow = wrapped(columns, lines, ["", ""], 3)  # words stay whole
    assert max(map(len, narrow.splitlines())) == len("abcd  three")


def test_captioned_tables_are_files_with_the_headings_of_their_parts():
    table = Table(
        ["setting", "method", "n"], [[Value("p"), Value("a"), Value("1")], [Value("q"), Value("=b"), Value("2")]]
    )
    shown = by_setting("numbers", table, "tables/x.csv")
    assert (shown.caption, shown.headings, shown.file) == ("numbers", ["method", "n"], "tables/x.csv")
    assert shown.text == "setting,method,n\np,a,1\nq,'=b,2\n"
    assert Captioned("c", ["a"], {"": [["1"]]}, "f").text == "a\n1\n"


def test_numbers_of_the_paper_stand_in_pairs_of_columns():
    paper = TABLES["ddmnist"]
    shown = of_paper(paper, "file")
    assert shown.caption == "Table 4 of the paper, mean (standard deviation)"
    assert list(shown.headings) == [
        "model",
        *(word for group in paper.headings for word in (group, "million parameters")),
    ]
    (lines,) = shown.parts.values()
    assert [line[0] for line in lines] == list(paper.models)
    ours = next(line for line in lines if line[0] == "Ours")
    assert dict(zip(paper.headings, ours[1::2], strict=True))["D4"] == "0.868 (0.002)"
    assert len({len(line) for line in lines}) == 1


def test_rows_stand_by_heading_width_method_and_settings():
    """Those without a width first, those whose width is a word last; methods as the paper lists them."""
    rows = [
        Row({"experiment": "ddmnist", "method": method, **key}, tuned, heading=heading)
        for heading, method, key, tuned in (
            ("A", "ours", {}, {"weight": 0.5}),
            ("A", "ours", {}, {"weight": 2.0}),
            ("A", "ours", {}, {"weight": "auto"}),
            ("A", "zebra", {}, {}),
            ("A", "cnn", {"latent": 1}, {}),
            ("A", "ours", {"latent": 1}, {}),
            ("A", "cnn", {"latent": 66}, {}),
            ("A", "cnn", {"latent": "wide"}, {}),
            ("B", "cnn", {}, {}),
        )
    ]
    assert sorted(rows[::-1], key=_place) == rows


def test_a_row_takes_values_of_some_seeds_or_all():
    measure = Measure("", "test", "accuracy", 1)
    values = {0: 0.5, 1: 0.75, 2: float("nan"), 3: None}
    runs = [
        Run(
            "r",
            {"config": {"seed": seed}, "parameters": 10 - seed},
            {"status": "finished", "test": {"accuracy": v}},
            {},
            1,
            None,
        )
        for seed, v in values.items()
    ]
    one = Row(
        {"experiment": "ddmnist", "method": "ours"}, runs=tuple(runs), open=(run(parameters="many"), run(parameters=10))
    )
    assert one.by_seed(measure) == {0: 0.5, 1: 0.75}
    assert (one.mean(measure), one.mean(measure, [1, 2, 9]), one.mean(measure, [2])) == (0.625, 0.75, None)
    assert one.spread(measure) == pytest.approx(0.25 / 2**0.5)
    assert (one.seeds, one.parameters) == ([0, 1, 2, 3], [7, 8, 9, 10])
