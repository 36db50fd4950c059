"""The live report: made again when a record changes, and served to this machine alone."""

import http.client
import json
import threading
import urllib.request
from types import SimpleNamespace

import pytest
from records_fixture import write_run

from regrep.errors import RegrepError
from regrep_paper.cli import main
from regrep_paper.report import live
from regrep_paper.report.live import LiveReport, server, watch


def page_of(calls):
    """Stands for the making of a report: a page that says how often it was made."""

    def make(source, out):
        calls.append(source)
        (out / "figures").mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(f"<html><body><p>made {len(calls)} times</p></body></html>")
        (out / "figures" / "one.svg").write_text("<svg/>")
        (out / "notes.json").write_text("{}")
        return out / "report.html"

    return make


@pytest.fixture
def watched(tmp_path):
    write_run(tmp_path / "runs" / "one", status=None, done_epochs=1)
    calls = []
    return LiveReport(tmp_path / "runs", make=page_of(calls)), calls


@pytest.fixture
def ask(watched):
    """Asks a running server for a path; status, kind and text of the answer."""
    with server(watched[0]) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        host, port = served.server_address
        assert host == "127.0.0.1"

        def answer(path, name=None):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path, headers={"Host": name or f"127.0.0.1:{port}"})
            found = connection.getresponse()
            return found.status, found.getheader("Content-Type"), found.read().decode()

        yield answer
        served.shutdown()
        thread.join()


def test_a_report_is_made_again_when_a_record_changes_and_only_then(watched, tmp_path):
    report, calls = watched
    assert report.refresh()
    assert not report.refresh()  # what it wrote itself is no record
    with (tmp_path / "runs" / "one" / "metrics.csv").open("a") as file:
        file.write("\n")
    assert report.refresh()
    write_run(tmp_path / "runs" / "two")
    assert report.refresh()
    assert (len(calls), report.version) == (3, 3)


def test_the_page_loads_the_next_report(watched, ask):
    report, _ = watched
    status, _, text = ask("/")
    assert status == 200
    assert "The first report is being made" in text
    report.refresh()
    assert ask("/version")[2] == "1"
    text = ask("/")[2]
    assert "made 1 times" in text
    assert 'const shown = "1"' in text
    assert text.endswith("</body></html>")


def test_only_the_report_is_served_and_only_to_this_machine(watched, ask, tmp_path):
    report, _ = watched
    report.refresh()
    (tmp_path / "runs" / "secret.csv").write_text("secret")
    assert ask("/figures/one.svg")[:2] == (200, "image/svg+xml")
    for path in ("/../secret.csv", "/%2e%2e/secret.csv", "//etc/passwd", "/notes.json", "/figures", "/nothing.svg"):
        assert ask(path)[0] == 404, path
    assert ask("/", name="evil.example")[0] == 403
    assert ask("/", name="evil.example:80")[0] == 403


def test_a_folder_without_runs_says_so_and_is_watched_on(tmp_path):
    report = LiveReport(tmp_path)
    assert report.refresh()
    assert "no run" in report.page()
    assert "<script>" in report.page()


@pytest.mark.parametrize("options", [["--port", "99999"], ["--every", "0"], ["--every", "nan"], []])
def test_wrong_options_are_told_in_a_sentence(options, tmp_path, capsys):
    folder = [str(tmp_path)] if options else [str(tmp_path / "nothing")]
    try:
        code = main(["watch", *folder, *options])
    except SystemExit as stop:
        code = stop.code
    assert code in (1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_a_source_is_a_folder_or_a_file(tmp_path):
    with pytest.raises(RegrepError, match="there is no folder or file"):
        LiveReport(tmp_path / "nothing")
    file = tmp_path / "some.jsonl"
    file.write_text(json.dumps({}) + "\n")
    assert LiveReport(file, make=page_of([])).refresh()


def test_watching_serves_and_makes_reports_until_it_is_interrupted(tmp_path, monkeypatch):
    folder, out, said = tmp_path / "runs", tmp_path / "out", []
    write_run(folder / "one", status=None, done_epochs=1)
    make = page_of([])
    monkeypatch.setattr(live, "build", lambda source, out: SimpleNamespace(page=make(source, out)))

    def asked():
        address, _, shown = said[0].partition(" ")
        assert shown == f"shows {folder}; Ctrl-C ends it"
        return urllib.request.urlopen(f"{address}version", timeout=20).read().decode()

    def say(text):
        said.append(text)
        if text.startswith("report 1, "):
            assert asked() == "1"
            with (folder / "one" / "metrics.csv").open("a") as file:
                file.write("1,80,48,1.5,0.5,1.0,0.05\n")
        if text.startswith("report 2, "):
            assert asked() == "2"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(folder, out, 0, 0.1, say)
    assert len(said) == 3
    assert (out / "report.html").exists()
    with pytest.raises(OSError, match="."):
        asked()
