"""Runs are checked before any is started: those that differ by their seed alone once, and all mistakes are counted."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from regrep.errors import RegrepError
from regrep_paper.runs.checks import check_runs, refuse


class Commands:
    @staticmethod
    def config_command(config, out, data_dir):
        return [config["size"], config.get("seed"), out, data_dir]


def planned(label, **given):
    return SimpleNamespace(label=label, given=given, folder=SimpleNamespace(path=Path(f"runs/{label}")))


RUNS = [planned("a", size=1, seed=0), planned("b", size=1, seed=1), planned("c", seed=0, size=2), planned("d", size=2)]


def test_runs_that_differ_by_their_seed_alone_are_checked_once():
    seen = []
    check_runs(RUNS, Commands, seen.append, Path("data"))
    assert seen == [[1, 0, Path("runs/a"), Path("data")], [2, 0, Path("runs/c"), Path("data")]]
    seen.clear()
    check_runs(RUNS[:1], Commands, seen.append)
    assert seen == [[1, 0, Path("runs/a"), None]]


@pytest.mark.parametrize(
    ("runs", "wrong", "told"),
    [
        (RUNS, 2, "2 of 4 runs cannot be run, the first is c: wrong size"),
        (RUNS, 1, "2 of 4 runs cannot be run, the first is a: wrong size"),
        (RUNS[1:3], 2, "1 of 2 runs cannot be run, the first is c: wrong size"),
        (RUNS[:1], 1, "cannot be run: a: wrong size"),
    ],
)
def test_mistakes_are_counted(runs, wrong, told):
    def check(command):
        if command[0] == wrong:
            raise RegrepError("wrong size")

    with pytest.raises(RegrepError) as error:
        check_runs(runs, Commands, check)
    assert str(error.value) == told
    assert str(error.value.__cause__) == "wrong size"
    check_runs([run for run in runs if run.given["size"] != wrong], Commands, check)


def test_nothing_wrong_is_nothing_to_refuse():
    assert refuse([], 3) is None
