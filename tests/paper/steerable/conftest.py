import pytest


@pytest.fixture(autouse=True)
def _kernels_of_this_session(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path_factory.getbasetemp()))
