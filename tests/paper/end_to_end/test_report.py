"""``regrep report`` as a user types it, over a sweep of made-up records."""

import io
import re
from contextlib import redirect_stdout
from html.parser import HTMLParser

import pytest
from records_fixture import write_run, write_sweep

from regrep_paper.cli import main
from regrep_paper.report import build

FIGURES = ("error-per-element", "examples", "latent-scale", "ranking", "validation-accuracy", "whitened-error")


class Page(HTMLParser):
    """Checks that tags close in order, and collects what the page asks for."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input", "use", "path", "rect", "image", "stop"})

    def __init__(self, text):
        super().__init__()
        self.open, self.asked, self.anchors, self.links = [], [], set(), set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href", "xlink:href") and value:
                if value.startswith("#"):
                    self.links.add(value[1:])
                else:
                    self.asked.append(value)
            if name == "id":
                self.anchors.add(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return write_sweep(tmp_path_factory.mktemp("sweep"), epochs=6)


@pytest.fixture(scope="module")
def reported(sweep, with_pdf, tmp_path_factory):
    """What the command printed, and the report that it made."""
    found, text = [], io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(text):
        patch.setattr("regrep_paper.report.build", lambda *words: found.append(build(*words)) or found[0])
        assert main(["report", str(sweep), "--out", str(tmp_path_factory.mktemp("reported") / "report")]) == 0
    return text.getvalue(), found[0]


@pytest.fixture(scope="module")
def made(reported):
    return reported[1]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_of_a_comparison_points_to_its_own_page(tmp_path, capsys):
    write_run(tmp_path / "runs" / "one", epochs=1)
    page = tmp_path / "comparison.html"
    page.write_text("")
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"\ncomparison, with its verdict: {page}\n")


def test_one_command_writes_everything(reported):
    printed, made = reported
    assert made.text in printed
    assert "ours-relative" in printed
    assert f"report: {made.folder / 'report.html'}" in printed
    assert "comparison" not in printed
    assert [name for name in files(made.folder) if not name.startswith("tables/")] == sorted(
        ["report.html", "table.csv", "table.md", "table.tex"]
        + [f"figures/{name}.{kind}" for name in FIGURES for kind in ("pdf", "svg")]
    )
    assert all((made.folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF") for name in FIGURES)


def test_the_page_stands_alone(made):
    text = made.page.read_text(encoding="utf-8")
    page = Page(text)
    asked = {name for name in page.asked if not name.startswith("data:image/png;base64,")}
    assert {"tables/results.csv", "tables/runs.csv"} <= asked <= set(files(made.folder))  # to save, not to show
    assert page.links <= page.anchors
    assert re.findall("<script[^>]*>", text) == ["<script>"]
    assert "@import" not in text
    assert "url(http" not in text
    assert text.count("<svg") == len(FIGURES)
    assert set(re.findall(r'<h2 id="([a-z-]+)-section">', text)) == set(FIGURES)
    for group in ("C4", "D1", "D4"):
        assert re.search(rf"DDMNIST, {group}, mnist(<[^>]*>|\s|:)*ours-relative has the best mean test accuracy", text)
    assert "failed: the loss is not finite" in text
    assert "unfinished, epoch 3 of 6" in text
    assert "2 of 45 runs are not finished or failed" in text
    assert "regrep fit ddmnist --model.method=cnn-augmented --seed_everything=0" in text
    assert "Table 4 of the paper" in text


def test_a_report_inside_the_folder_changes_nothing_on_the_next_run(tmp_path):
    write_run(tmp_path / "a")
    first = build(tmp_path).page.read_bytes()
    assert build(tmp_path).page.read_bytes() == first


def test_text_from_records_is_escaped(tmp_path):
    write_run(tmp_path / "a", data="<script>alert(1)</script>")
    text = build(tmp_path, title="<b>title</b>").page.read_text()
    assert "<script>alert" not in text
    assert "&lt;b&gt;title&lt;/b&gt;" in text


def test_an_empty_folder_is_one_sentence(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"regrep report: .*holds no run .*\n|regrep: .*holds no run .*\n", captured.err)
