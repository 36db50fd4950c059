"""A run is measured with the settings of its record, or not at all."""

import json

import pytest

from regrep.errors import RegrepError
from regrep_paper.experiments.recorded import check_recorded
from regrep_paper.runs.records import RunFolder
from regrep_paper.tables.index import EXPERIMENTS, FILES, resolved


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
