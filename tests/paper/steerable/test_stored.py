"""Arrays on disk, damaged in any way: they are computed anew."""

from types import SimpleNamespace

import numpy as np
import pytest

from regrep_paper.steerable import stored as module


def test_every_damage_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(module, "steerable_library", lambda: SimpleNamespace(__version__="1"))
    good = {"basis": np.linspace(0, 1, 500), "deviation": np.ones(3)}
    module.stored("kernel", {"size": 3}, lambda: good)
    (file,) = (tmp_path / "kernels").iterdir()
    content = file.read_bytes()
    for place in range(0, len(content), 19):
        changed = bytearray(content)
        changed[place] ^= 16
        file.write_bytes(changed)
        found = module.stored("kernel", {"size": 3}, lambda: good)
        assert all(np.array_equal(found[name], value) for name, value in good.items() if name in found), place
    file.write_bytes(content)
    assert module.stored("kernel", {"size": 3}, lambda: pytest.fail("stored")).keys() == good.keys()
