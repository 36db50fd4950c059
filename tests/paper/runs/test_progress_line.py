"""The line that a sweep shows on a terminal while it runs."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from regrep_paper.runs import sweep


class Planned:
    def __init__(self, label, path):
        self.label, self.folder = label, SimpleNamespace(path=Path(path))


@pytest.mark.parametrize("terminal", [True, False])
def test_what_each_run_said_last_and_what_runs_elsewhere(tmp_path, capsys, monkeypatch, terminal):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.txt").write_text(f"first\nlast of {name}\n\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setattr(sweep, "_terminal_width", lambda: 61)
    tasks = {k: Planned(name, tmp_path / name) for k, name in enumerate("ab")}
    elsewhere = Planned("other" * 9, tmp_path)
    sweep.Runner._show(None, tasks, {elsewhere: 0.0})
    shown = "\r\x1b[Ka: last of a | b: last of b | otherotherotherot"  # 60 for three, less what parts them
    assert capsys.readouterr().out == (shown if terminal else "")
    sweep.Runner._show(None, {0: Planned("none", tmp_path / "none")}, {})
    assert capsys.readouterr().out == ("\r\x1b[Knone: " if terminal else "")
    sweep.Runner._clear(None)
    assert capsys.readouterr().out == ("\r\x1b[K" if terminal else "")


def test_a_sweep_closes_its_executor_however_it_ends(monkeypatch):
    closed = []
    executor = SimpleNamespace(close=lambda: closed.append(1))
    assert sweep.Runner([], executor).run() == 0
    assert closed == [1]
    broken = sweep.Runner([SimpleNamespace(folder=SimpleNamespace(finished=False))], executor)
    monkeypatch.setattr(broken, "_start", lambda *rest: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.run()
    assert closed == [1, 1]


class Flushed(io.StringIO):
    """Shows what was flushed."""

    shown = ""

    def flush(self):
        self.shown = self.getvalue()


def test_the_last_word_does_not_wait_for_the_end_of_the_process(monkeypatch):
    runner = sweep.Runner(
        [SimpleNamespace(folder=SimpleNamespace(finished=False))], SimpleNamespace(close=lambda: None)
    )

    def stop(*rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_start", stop)
    monkeypatch.setattr(sys, "stdout", terminal := Flushed())
    assert runner.run() == 130
    told = "stopped; 0 of 1 runs are finished, the others keep their last checkpoint; the same command goes on"
    assert terminal.shown.strip().endswith(told)
