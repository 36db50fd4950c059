"""Pages of the documentation, run as their readers would."""

import doctest
import re
from pathlib import Path


def run_examples(page: Path) -> int:
    """Run the Python blocks of a page in order; fails unless each prints what it says. Returns how many there were."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    example = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), 0)
    printed: list[str] = []
    found = doctest.DocTestRunner(verbose=False).run(example, out=printed.append)
    assert found.failed == 0, "".join(printed)
    return found.attempted
