"""The examples on docs/structured-data.md print what the page says."""

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "structured-data.md"


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_every_example_prints_what_the_page_says():
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    example = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    found = doctest.DocTestRunner(verbose=False).run(example)
    assert found.attempted > 10
    assert found.failed == 0
