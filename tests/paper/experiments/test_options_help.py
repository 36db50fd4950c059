"""The help of ``regrep fit EXPERIMENT``: which options stand where, with which values and defaults."""

from types import SimpleNamespace
from typing import Literal

import pytest

from regrep_paper.experiments.options_help import choices, described
from regrep_paper.tables.columns import Experiment
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.index import definition_of
from regrep_paper.tables.methods import METHODS
from regrep_paper.tables.network import Entry
from regrep_paper.tables.setting import Setting


def action(*names, default=None, help=None, kind=None):
    return SimpleNamespace(option_strings=list(names), default=default, help=help, _typehint=kind)


NETWORKS = [("b", "C4"), ("a", "C4"), ("b", "D4")]
DEFINITION = Definition(
    name="trial",
    columns=Experiment(title="A TRIAL"),
    settings=(
        Setting("rate", "model.rate", lambda config: 0.5),
        Setting("size", "data.size", 3),
        Setting("epochs", "trainer.epochs", 7),
        Setting("fixed", None, 1),
    ),
    networks=tuple(Entry("trial", network, group, (4,), 1, "m:C", {}) for network, group in NETWORKS),
)
ACTIONS = [
    action("-h", "--help", help="this"),
    action("--trainer", help="all of it"),
    action("--trainer.epochs", default=7, help="how often"),
    action("--trainer.fast", default=False),
    action("--trainer.other", default=None),
    action("--trainer.other.help"),
    action("--print_config"),
    action("--print_shtab"),
    action("--out", default="runs/latest", help="the ``run`` folder,\n      made if needed"),
    action("--model", help="all of it"),
    action("--model.rate", default=None, help="==SUPPRESS=="),
    action("--data.group", default="==SUPPRESS==", help="who acts"),
    action("--data.list", "--data.list+", default=None),
    action("--quick", default=True, kind=bool),
    action("--data.size", default=3, kind=Literal[3, 5] | None),
]
EXPECTED = """\
usage: regrep fit trial [--OPTION=VALUE ...]

Train a run of A TRIAL, or continue it. In brackets: defaults.

options of the experiment:
  --model.rate=RATE (depends on the others)
  --data.group=C4|D4
        who acts
  --data.list=LIST+
  --data.size=3|5 (3)

options of the run:
  --out=OUT (runs/latest)
        the run folder, made if needed
  --quick=true|false (true)

options of the run, of Lightning's trainer:
  --trainer.epochs=EPOCHS (7)
        how often

further options of Lightning's trainer (--trainer.NAME.help=CLASS explains a class):
  --trainer.fast (false), --trainer.other
"""


def test_the_whole_text():
    assert described(DEFINITION, ACTIONS) == EXPECTED


def test_values_that_can_be_listed():
    assert choices("--model.network", action("--model.network"), DEFINITION) == ["b", "a"]
    assert choices("--data.group", action("--data.group"), DEFINITION) == ["C4", "D4"]
    assert choices("--model.method", action("--model.method"), DEFINITION) == list(METHODS)
    for kind, values in (
        (bool, ["true", "false"]),
        (Literal["x", 2], ["x", "2"]),
        (Literal["x"] | None, ["x"]),
        (bool | str, []),
        (int | None, []),
        (None, []),
    ):
        assert choices("--model.a", action("--model.a", kind=kind), DEFINITION) == values
    assert choices("--model.a", SimpleNamespace(), DEFINITION) == []


@pytest.mark.parametrize("count", [1, 30])
def test_no_line_is_longer_than_a_terminal(count):
    """Long lists of values go on after a bar, further in; long texts go on below themselves."""
    values = tuple(f"value{k:02}" for k in range(count))
    actions = [
        action("--data.a", default=values[0], help="word " * count, kind=Literal[values]),
        *(action(f"--trainer.option-{k:02}", default=k) for k in range(count)),
    ]
    lines = described(DEFINITION, actions).splitlines()
    start = lines.index("options of the experiment:") + 1
    end = lines.index("options of the run:") - 1
    entry = [line for line in lines[start:end] if "value" in line]
    assert max(map(len, lines)) <= 84  # a title of ours
    assert max(map(len, entry)) <= 80
    assert "".join(line.strip() for line in entry) == f"--data.a={'|'.join(values)} (value00)"
    assert [len(line) - len(line.lstrip()) for line in entry] == [2, *[6] * (len(entry) - 1)]
    assert (len(entry) > 1) == (count > 1)
    text = [line for line in lines[start:end] if "word" in line]
    assert " ".join(line.strip() for line in text) == " ".join(["word"] * count)
    assert {len(line) - len(line.lstrip()) for line in text} == {8}
    last = [line for line in lines if "--trainer.option" in line]
    assert {len(line) - len(line.lstrip()) for line in last} == {2}
    assert " ".join(map(str.strip, last)) == ", ".join(f"--trainer.option-{k:02} ({k})" for k in range(count))


def test_every_setting_of_an_experiment_is_in_its_help():
    definition = definition_of("ddmnist")
    actions = [action(f"--{option}") for option in definition.options.values()]
    text = described(definition, actions)
    assert all(f"\n  --{option}=" in text for option in definition.options.values())
    assert "--model.learning_rate=LEARNING_RATE (depends on the others)" in text
