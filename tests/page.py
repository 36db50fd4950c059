"""Pages of the documentation, run as their readers would."""

import doctest
import re
from pathlib import Path

BLOCK = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)


def run_examples(page: Path) -> int:
    """Run the examples of a page in order; fails unless each prints what it says. Returns how many there were."""
    code = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))
    return _examples(code, page, {})


def run_page(page: Path) -> int:
    """Run all Python blocks of a page in order, in one namespace; returns how many there were.

    A block with prompts must print what it says; one without is a program, whose assertions must hold.
    """
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    names: dict[str, object] = {"__name__": "page"}
    for k, block in enumerate(blocks):
        if ">>> " in block:
            _examples(block, page, names)
        else:
            exec(compile(block, f"{page.name}, block {k + 1}", "exec"), names)
    return len(blocks)


def _examples(code: str, page: Path, names: dict[str, object]) -> int:
    example = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), 0)
    example.globs = names
    printed: list[str] = []
    found = doctest.DocTestRunner(verbose=False).run(example, out=printed.append, clear_globs=False)
    assert found.failed == 0, "".join(printed)
    return found.attempted
