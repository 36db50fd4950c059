"""Reports are made without PDF, but where a test asks for it."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _without_pdf(svg_alone):
    """For what is made in fixtures, too."""
