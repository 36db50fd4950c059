"""Every code block of the site runs, every command on it exists, every link leads somewhere, and it builds."""

import os
import re
import runpy
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from page import BLOCK, run_page
from regrep_paper.cli import COMMANDS
from regrep_paper.completion import parser_of
from regrep_paper.tables.index import DEFINITIONS, EXPERIMENTS
from regrep_paper.tables.sweeps import sweep_file

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "api" not in path.parts)
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md", *PAGES]

ELSEWHERE = {
    name
    for file in (ROOT / "tests" / "library").rglob("test_*.py")
    for name in re.findall(r'"docs" / "guide" / "([\w-]+\.md)"', file.read_text(encoding="utf-8"))
}
"""Pages that a test of their own runs, with more to say about them."""

RUN = {"--out", "--protocol", "--schedule", "--select", "--patience", "--compile", "--config", "--settings"}
"""Options of a run that belong to no setting's section."""


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@pytest.mark.parametrize(
    "page",
    named(
        page
        for page in PAGES
        if page.name not in {*ELSEWHERE, "quick-start.md"} and BLOCK.search(page.read_text("utf-8"))
    ),
)
@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning")
def test_every_block_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)  # as torchrun does; port 0 is any that is free
    assert run_page(page) > 0


@pytest.mark.parametrize("page", named([ROOT / "README.md", DOCS / "start" / "quick-start.md"]))
def test_the_first_programs_print_what_they_say(page, capsys):
    """To a tenth: processors and versions of torch round differently, and training carries that on."""
    said = re.findall(r"```text\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert run_page(page) > 0
    words, numbers = parted("".join(said))
    found, printed = parted(capsys.readouterr().out)
    assert found == words
    assert printed == pytest.approx(numbers, abs=0.1)
    assert min(numbers) < 0.3 < max(numbers)


def parted(text):
    """A text without its decimal numbers, and these."""
    number = r"\d+\.\d+"
    return re.sub(number, "#", text), [float(one) for one in re.findall(number, text)]


def test_every_page_lies_in_a_folder_of_the_contents():
    contents = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in DOCS.glob("*.md")] == ["index.md"]
    for page in PAGES:
        assert page.name == "index.md" or f"\n{page.parent.relative_to(DOCS).as_posix()}/*\n" in contents, page


def test_pages_with_a_test_of_their_own():
    assert {"frameworks.md", "conventions.md", "measuring.md", "structured-data.md"} <= ELSEWHERE
    assert "quick-start.md" not in ELSEWHERE


def test_a_block_that_fails_would_be_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n```python\n>>> x + 1\n2\n```\n", encoding="utf-8")
    assert run_page(page) == 2
    page.write_text("```python\nassert False\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        run_page(page)
    page.write_text("```python\n>>> 1 + 1\n3\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="Expected"):
        run_page(page)


def commands(text):
    """Lines of code that call regrep, as words."""
    for line in re.findall(r"^(?: {4}|\$ )?(regrep [a-z].*)$", text, flags=re.MULTILINE):
        yield shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize("page", named(TEXTS))
def test_every_command_exists(page):
    for name, *words in commands(page.read_text(encoding="utf-8")):
        assert name in COMMANDS, name
        known = {*parser_of(name, COMMANDS, words)._option_string_actions}
        if name == "test":
            known |= {"--averaged", "--out", "--data-dir"}
        if name in ("fit", "test") and words[0] in EXPERIMENTS:
            known |= RUN | {f"--{option}" for option in DEFINITIONS[words[0]].options.values()}
        for word in words:
            option = word.partition("=")[0]
            assert not option.startswith("--") or option in known or option.startswith("--trainer."), (name, word)
        if name == "sweep" and words[0] != "FILE":
            assert sweep_file(Path(words[0])).is_file()
        if name == "fit" and words[0] != "EXPERIMENT":
            assert words[0] in EXPERIMENTS


def test_a_wrong_command_would_be_noticed():
    assert list(commands("text\n\n    regrep fit ddmnist --seed=1   # a comment\n")) == [["fit", "ddmnist", "--seed=1"]]


def anchors(text):
    """Anchors of the headings of a page, as MyST and GitHub make them."""
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", named(TEXTS))
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if "api" in file.parts:
            continue  # written when the site is built
        assert file.exists(), target
        if anchor:
            assert anchor in set(anchors(file.read_text(encoding="utf-8"))), target


def test_pictures_are_those_that_the_library_draws(tmp_path):
    """By their shapes and texts: other versions of matplotlib round other digits."""
    runpy.run_path(str(DOCS / "pictures.py"))["main"](tmp_path)
    drawn = sorted(tmp_path.glob("*.svg"))
    assert len(drawn) == 5
    for file in drawn:
        kept = ElementTree.parse(DOCS / "figures" / file.name).getroot()
        assert [part.tag for part in kept.iter()] == [part.tag for part in ElementTree.parse(file).getroot().iter()]
        assert kept.get("aria-label")


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_without_the_network(tmp_path):
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    words = [
        "-q",
        "-W",
        "--keep-going",
        "-b",
        "html",
        "-d",
        str(tmp_path / "doctrees"),
        str(DOCS),
        str(tmp_path / "site"),
    ]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *words],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        fetched = re.findall(r'(?:src|<link[^>]* href)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert fetched == [], page


def test_readme_names_no_place_inside_the_checkout_where_there_is_none():
    described = runpy.run_path(str(ROOT / "setup.py"))["described"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = described(readme)
    assert re.findall(r"\]\((?!https?:)[^)]*\)", readme)
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", text)
    assert described("[a page](docs/a.md), [docs/b.md](docs/b.md)") == "a page (docs/a.md), docs/b.md"
    assert described("![drawn](docs/a.svg)\n\n[paper](https://x.org/1)") == "[paper](https://x.org/1)"


def test_a_figure_is_on_the_first_screen_of_readme():
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:20])
    assert re.search(r"!\[[^]]+\]\(docs/figures/\w+\.svg\)", first)
