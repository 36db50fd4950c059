"""A run is measured with the settings of its record, or not at all."""

import json

import pytest

from regrep.errors import RegrepError
from regrep_paper.experiments.recorded import check_recorded, recorded_command
from regrep_paper.runs.records import RunFolder
from regrep_paper.tables.index import EXPERIMENTS, FILES, definition_of, resolved


def folder_with(path, record):
    (path / "run.json").write_text(json.dumps({"format": 1, **record}))
    return RunFolder(path)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_run_is_set_up_with_every_setting_that_its_record_gives(tmp_path, experiment):
    """Nothing more: what a record leaves open stays with the defaults, and a file is named by the user alone."""
    definition = definition_of(experiment)
    options = definition.options
    config = {"experiment": experiment, **{key: f"v{k}" for k, key in enumerate(options)}}
    if "network" in options:
        config["network"] = definition.networks[-1].network
    kept = {key: value for key, value in config.items() if key not in FILES}
    start = ["fit", experiment, f"--out={tmp_path}"]
    expected = {f"--{options[key]}={value}" for key, value in kept.items() if key != "experiment"}
    words = recorded_command(folder_with(tmp_path, {"config": kept}))
    assert words[:3] == start
    assert sorted(words[3:]) == sorted(expected)
    for key in kept.keys() - {"experiment", "protocol"}:
        words = recorded_command(folder_with(tmp_path, {"config": {**kept, key: None}}))
        assert set(words[3:]) == expected - {f"--{options[key]}={kept[key]}"}, key
    for key in FILES:
        if key in options:
            folder = folder_with(tmp_path, {"config": {**kept, key: "v"}})
            with pytest.raises(RegrepError, match=f"read 'v'; pass --{key.replace('_', '-')} "):
                recorded_command(folder)
            assert set(recorded_command(folder, {key: "here"})[3:]) == {*expected, f"--{options[key]}=here"}
        else:
            folder = folder_with(tmp_path, {"config": kept})
            with pytest.raises(RegrepError, match=f"leave out --{key.replace('_', '-')}"):
                recorded_command(folder, {key: "here"})
            assert set(recorded_command(folder, {key: None})[3:]) == expected


def test_what_early_records_leave_open_is_what_was_done_then(tmp_path):
    def words(precision, config):
        record = {"config": {"experiment": "ddmnist", **config}, "precision": precision}
        return set(recorded_command(folder_with(tmp_path, record))[3:])

    assert words(None, {}) == {"--protocol=published"}
    assert words("16-mixed", {}) == {"--protocol=published", "--trainer.precision=16-mixed"}
    own = {"precision": "32-true", "protocol": "decaying"}
    assert words("16-mixed", own) == {"--protocol=decaying", "--trainer.precision=32-true"}
    with pytest.raises(RegrepError, match="run.json may set precision to a number or a plain word, got '../a'"):
        words("../a", {})


def test_the_folder_of_data_that_a_command_named_is_asked_for(tmp_path):
    def folder(*command, data="mnist", experiment="ddmnist"):
        config = {"experiment": experiment, **({"data": data} if data else {})}
        return folder_with(tmp_path, {"config": config, "command": command})

    for command in (
        ["--data.data_dir=a"],
        ["x", "--data.data_dir", "a", "b"],
        ["--data.data_dir=b", "--data.data_dir=a"],
    ):
        with pytest.raises(RegrepError, match="read 'a'; pass --data-dir "):
            recorded_command(folder(*command))
        assert "--data.data_dir=here" in recorded_command(folder(*command), {"data_dir": "here"})
        assert not any("data_dir" in word for word in recorded_command(folder(*command, data="digits")))
        no_files = recorded_command(folder(*command, data=None, experiment="tmnist"))
        assert no_files == ["fit", "tmnist", f"--out={tmp_path}", "--protocol=published"]
    for command in ([], ["--data.data_dir"], ["--data.size=3", "data.data_dir=a"], [3, None]):
        assert recorded_command(folder(*command))[3:] == ["--data.source=mnist", "--protocol=published"]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_setting_is_compared(tmp_path, experiment):
    config = resolved({"experiment": experiment, "seed": 3})

    def record(settings):
        (tmp_path / "run.json").write_text(json.dumps({"format": 1, "command": [], "config": settings}))
        return RunFolder(tmp_path)

    check_recorded(record(config), config)
    for key, value in config.items():
        if key in FILES:
            continue
        changed = "other" if isinstance(value, str) else (value or 0) + 1
        with pytest.raises(RegrepError, match=rf"{key} .* -> "):
            check_recorded(record({**config, key: changed}), config)
        if value is not None and key not in ("protocol", "precision"):  # early records lack these
            with pytest.raises(RegrepError, match=rf"{key} None -> "):
                check_recorded(record({name: one for name, one in config.items() if name != key}), config)
