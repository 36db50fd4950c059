"""Reports are made without PDF, but where a test asks for it."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _without_pdf(svg_alone):
    """For what is made in fixtures, too."""


@pytest.fixture
def first_figure(monkeypatch):
    """Reports with their first figure alone, for tests that look elsewhere: drawing takes most of the time."""
    from regrep_paper.report import figures

    whole = figures._drawn
    monkeypatch.setattr(figures, "_drawn", lambda plans: whole(plans[:1]))
