"""The page as a document: contents, captions, scopes, files, sizes; and in a browser, where one is installed."""

import csv
import io
import re
import shutil

import pytest
from records_fixture import write_run

from regrep_paper.report import build

HEIGHT = "one => one.getBBox().height * Math.hypot(one.getScreenCTM().a, one.getScreenCTM().b)"
"""Of a text on the screen, in pixels, however it is turned."""

METHODS = ("cnn-augmented", "ours", "ours-relative", "ours-permuted")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contents")
    for k, method in enumerate(METHODS):
        for seed in (0, 1):
            write_run(folder / f"{method}{seed}", method, seed, weight=0 if "cnn" in method else 1, test=0.7 + 0.05 * k)
    return build(folder)


@pytest.fixture(scope="module")
def page(report):
    return report.page.read_text("utf-8")


def test_the_contents_lead_to_every_section(page):
    anchors = re.findall(r'<li><a href="#([^"]+)">', page)
    assert all(page.count(f'id="{anchor}"') == 1 for anchor in anchors)
    sections = re.findall(r'<h2 id="([^"]+)"', page)
    assert set(sections) <= set(anchors)
    assert anchors[:3] == ["verdicts", "results", "ranking-section"]


def test_every_figure_and_table_is_linked_as_a_file(report, page):
    links = re.findall(r'<a href="([^"#]+)"', page)
    assert not [link for link in links if not (report.folder / link).is_file()]
    assert page.count("<figure>") == sum(link.endswith(".pdf") for link in links) > 3
    assert page.count("<table") == page.count("<caption>") == sum(link.endswith(".csv") for link in links) > 2
    assert not [link for link in links if ":" in link]


def test_tables_say_what_their_cells_belong_to(page):
    for table in re.findall(r"<table.*?</table>", page, flags=re.DOTALL):
        assert "<th>" not in table
        assert table.count("<tr>") == table.count('scope="row"') + 1
    assert page.count('class="scroll" role="region" tabindex="0"') == page.count("<table")


def test_a_table_as_a_file_says_what_the_page_says(report, page):
    lines = list(csv.DictReader(io.StringIO((report.folder / "tables" / "results.csv").read_text("utf-8"))))
    assert [line["method"] for line in lines] == list(METHODS)
    assert all(line["test accuracy"] in page for line in lines)


def test_best_and_tie_are_words(page):
    marked = re.findall(r'<td class="(best|tie)"[^>]*>[^<]* <span class="mark">(\w+)</span>', page)
    assert marked
    assert all(one == word for one, word in marked)


def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.findall(r'(?:src|srcset|href)="(?!data:|#|figures/|tables/)', page)
    assert "@import" not in page
    assert len(page.encode()) < 1_500_000


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(report, width, scheme):
    api = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_core_python.sync_playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on the path")
    with api.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        said = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(report.page.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        wrong = [(one["id"], one["impact"]) for one in axe.Axe().run(page)["violations"]]
        assert not [one for one in wrong if one[1] in ("serious", "critical")], wrong

        column = page.locator("table.sortable").first.locator("thead button", has_text="test accuracy")
        column.click()
        column.click()
        names = page.locator("table.sortable").first.locator('tbody tr:not(.part) th[scope="row"]').all_text_contents()
        assert names == list(reversed(METHODS))
        assert page.locator('th[aria-sort="descending"]').count() == 1

        page.locator("nav a", has_text="What was run").click()
        page.wait_for_function("location.hash === '#runs'")
        place = page.locator("#runs").bounding_box()
        assert 0 <= place["y"] <= 900
        assert page.evaluate(f"Math.min(...[...document.querySelectorAll('.drawing svg text')].map({HEIGHT}))") >= 6
        assert said == []
        browser.close()
