"""The examples on docs/measuring.md print what the page says."""

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "measuring.md"


def test_every_example_prints_what_the_page_says():
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    example = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    found = doctest.DocTestRunner(verbose=False).run(example)
    assert found.attempted > 20
    assert found.failed == 0


def test_the_uncentred_error_is_shown_on_this_page_alone():
    pages = [PAGE.parents[1] / "README.md", *PAGE.parent.glob("*.md")]
    assert [page.name for page in pages if "uncentred" in page.read_text()] == [PAGE.name]
