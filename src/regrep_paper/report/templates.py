"""Templates of pages."""

from __future__ import annotations

from importlib import resources
from typing import Any

from regrep.errors import MissingExtraError


def template(name: str) -> Any:
    """A template of a page, which escapes what is put into it.

    Raises:
        MissingExtraError: without the extra ``[report]``.
    """
    try:
        import jinja2
    except ImportError as cause:
        raise MissingExtraError("report") from cause

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: resources.files("regrep_paper.report").joinpath(name).read_text("utf-8")
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)
