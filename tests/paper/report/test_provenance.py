"""Records under results/ come from code that everybody can check out."""

import json
import subprocess
from pathlib import Path

import pytest

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


def test_there_are_records():
    assert len(list(starts())) > 100


def test_records_were_made_by_committed_code():
    assert [where for where, state in starts() if state["dirty"] is not False] == []


def test_records_name_commits_of_the_history():
    if git("rev-parse", "--is-shallow-repository") != "false" or git("rev-parse", "--show-prefix") != "":
        pytest.skip("the history of this repository is not here")
    history = set(git("rev-list", "HEAD").split())
    assert [where for where, state in starts() if state["commit"] not in history] == []
