"""Fixtures of SMOKE and of volumes, which several rooms use."""

import numpy as np
import pytest
from smoke_fixture import SIZE, published_files

from regrep_paper.data import smoke_files
from regrep_paper.data.smoke_simulation import Simulated
from regrep_paper.data.smoke_windows import Smoke
from regrep_paper.data.volumes import MovedVolumes


@pytest.fixture(scope="session")
def svg_alone():
    """Figures of reports without their PDF, which takes most of the time of a report; where and how both are made."""
    from regrep_paper.report import style

    real = style.saved
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "saved", lambda figure, form, *of: b"" if form == "pdf" else real(figure, form, *of))
        yield style, "saved", real


@pytest.fixture(scope="module")
def with_pdf(svg_alone):
    """Whole figures, in a module whose tests look at files of reports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*svg_alone)
        yield


@pytest.fixture(scope="session")
def smoke_folder(tmp_path_factory):
    return published_files(tmp_path_factory.mktemp("smoke"))


@pytest.fixture
def smoke_data(smoke_folder):
    module = Smoke(smoke_folder, size=SIZE, batch_size=2, rollout=3, horizon=5)
    module.setup()
    return module


@pytest.fixture
def simulated(monkeypatch):
    """Generation without PhiFlow: fields that tell which plume they belong to."""
    calls = []

    def fake(plumes, size, frames, told):
        calls.append(len(plumes))
        values = np.array([sum(p.buoyancy) for p in plumes], dtype=np.float32)
        velocity = np.broadcast_to(values[:, None, None, None, None], (len(plumes), frames, 2, size, size))
        return Simulated(velocity, 0 * values, np.outer(np.arange(len(plumes)), [0.0, 1.0, 2.0, 1.0]))

    monkeypatch.setattr(smoke_files, "simulate", fake)
    monkeypatch.setattr(smoke_files.metadata, "version", lambda name: "1.0")
    return calls


@pytest.fixture(scope="session")
def volumes():
    module = MovedVolumes(size=10, per_class=4)
    module.setup()
    return module
