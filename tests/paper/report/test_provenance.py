"""Records under results/ come from code that everybody can check out."""

import json
import subprocess
from pathlib import Path

import pytest

from regrep.comparison import Comparison

ROOT = Path(__file__).parents[3]


def git(*words):
    """Output of a git command in this repository; None where there is none."""
    try:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def starts():
    """Place and git state of every start of every run."""
    for file in sorted((ROOT / "results").glob("*.jsonl")):
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            record = json.loads(line)
            if record["kind"] == "run":
                for start in (record, *record.get("resumed", [])):
                    yield f"{file.name}, line {number}", start["git"]

    for file in sorted((ROOT / "results" / "comparisons").glob("*.json")):
        yield file.name, json.loads(file.read_text())["git"]


def test_comparisons_say_what_their_numbers_say():
    """A verdict that was kept is that of today's rule, on the numbers beside it."""
    files = sorted((ROOT / "results" / "comparisons").glob("*.json"))
    assert files
    for file in files:
        record = json.loads(file.read_text())
        found = Comparison.from_dict(record)
        assert record["verdict"] == found.verdict
        assert record["runs"] == len(found.trained) + len(found.tested)
        assert record["command"][:3] == ["regrep", "compare", found.task]


def test_there_are_records():
    assert len(list(starts())) > 100


def test_records_were_made_by_committed_code():
    assert [where for where, state in starts() if state["dirty"] is not False] == []


def test_records_name_commits_of_the_history():
    if git("rev-parse", "--is-shallow-repository") != "false" or git("rev-parse", "--show-prefix") != "":
        pytest.skip("the history of this repository is not here")
    history = set(git("rev-list", "HEAD").split())
    assert [where for where, state in starts() if state["commit"] not in history] == []
