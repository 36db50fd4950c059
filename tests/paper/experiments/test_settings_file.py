"""Settings of a run as one file: read by ``regrep fit``, plain, and without paths."""

import json

import pytest

from regrep.errors import RegrepError
from regrep_paper.experiments.settings_file import expanded
from regrep_paper.tables import definition_of, resolved, settings_command

CONFIG = resolved({"experiment": "ddmnist", "group": "C4", "classes": 4, "second_noise": True})


def write(path, content):
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("form", ["settings", "record", "older record"])
def test_words_are_made_of_the_file_and_the_others_come_after(tmp_path, form):
    content = {"settings": CONFIG, "record": {"config": CONFIG}, "older record": {"cell": CONFIG}}[form]
    file = write(tmp_path / "a.json", {"format": 1, **content})
    for words in ([f"--settings={file}"], ["--settings", str(file)]):
        settings, found = expanded(definition_of("ddmnist"), [*words, "--data.classes=10"])
        assert settings == CONFIG
        assert found.index("--data.classes=4") < found.index("--data.classes=10")
        assert {"--data.group=C4", "--data.second_noise=true", "--trainer.max_epochs=50"} <= set(found)
    assert expanded(definition_of("ddmnist"), ["--out=a"]) == ({}, ["--out=a"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"wieght": 1}, "no setting 'wieght'; did you mean weight"),
        ({"experiment": "smoke"}, "must hold settings of ddmnist"),
        ({"config": 3}, "must hold settings of ddmnist"),
        ({"group": "S3"}, "the groups of DDMNIST are C4, D1, D4"),
        ({"data": "/etc/passwd"}, "may set data to a number or a plain word"),
        ({"format": 2}, "record format 2"),
        ([], "must hold a JSON object"),
    ],
)
def test_other_content_is_refused(tmp_path, content, reason):
    with pytest.raises(RegrepError, match=reason):
        expanded(definition_of("ddmnist"), [f"--settings={write(tmp_path / 'a.json', content)}"])


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RegrepError, match=r"none\.json cannot be read"):
        expanded(definition_of("ddmnist"), [f"--settings={tmp_path / 'none.json'}"])


def test_paths_are_given_on_the_command_line(tmp_path):
    config = resolved({"experiment": "tmnist", "font_a": str(tmp_path / "a.ttf")})
    file = write(tmp_path / "run.json", {"config": config})
    definition = definition_of("tmnist")
    with pytest.raises(
        RegrepError, match="paths are not taken from a file of settings; pass --data.font_a in addition"
    ):
        expanded(definition, [f"--settings={file}"])
    words = settings_command(config, file, tmp_path)[2:]
    assert f"--data.font_a={tmp_path / 'a.ttf'}" in words
    _, found = expanded(definition, words)
    assert sum(word.startswith("--data.font_a=") for word in found) == 1
