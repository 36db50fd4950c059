"""The examples on docs/guide/actions.md print what the page says, and the page knows every action."""

import inspect
import re
from pathlib import Path

from page import run_examples
from regrep import actions

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "actions.md"


def test_every_example_prints_what_the_page_says():
    assert run_examples(PAGE) > 40


def test_every_action_is_on_the_page():
    words = set(re.findall(r"\w+", PAGE.read_text(encoding="utf-8")))
    public = {name: getattr(actions, name) for name in actions.__all__}
    made = {name for name, value in public.items() if inspect.isclass(value) and issubclass(value, actions.Action)}
    assert len(made) > 20
    assert made - words == {"Action", "LatticeAction", "TreeAction"}
