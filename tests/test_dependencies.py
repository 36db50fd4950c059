"""What pyproject.toml declares is what the sources import, and the lowest versions can be read from it."""

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]

DISTRIBUTIONS = {"yaml": "pyyaml", "PIL": "pillow", "phi": "phiflow", "lie_learn": "lie-learn"}
"""Names of modules that differ from those of their packages."""

CORE = {"torch", "numpy"}

ROOMS = {
    "regrep": {"integrations"},
    "regrep_paper": {"completion"},
    "regrep_paper/data": {"data", "sim", "train"},
    "regrep_paper/report": {"report"},
    "regrep_paper/runs": {"train", "data", "sweep"},
    "regrep_paper/tables": set(),
    "regrep_paper/training": {"train"},
    "regrep_paper/networks": {"baselines"},
    "regrep_paper/steerable": {"baselines"},
    "regrep_paper/experiments": {"train"},
}
"""The extras that a room of the sources may import from; the longest name that fits a file counts."""


def names(requirements):
    return {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in requirements}


def allowed(file):
    """Packages that a file may import, by its room."""
    path = file.relative_to(SOURCES).as_posix()
    room = max((room for room in ROOMS if path.startswith(f"{room}/")), key=len)
    extras = PROJECT["optional-dependencies"]
    return CORE | set().union(*(names(extras[extra]) for extra in ROOMS[room]))


def foreign(source):
    """Packages that a source imports and that are neither Python's nor ours."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").partition(".")[0])
    modules -= {"regrep", "regrep_paper", *sys.stdlib_module_names}
    return {DISTRIBUTIONS.get(module, module) for module in modules}


@pytest.mark.parametrize("file", sorted(SOURCES.rglob("*.py")), ids=lambda file: str(file.relative_to(SOURCES)))
def test_what_a_file_imports_is_declared_for_its_room(file):
    assert foreign(file.read_text(encoding="utf-8")) - allowed(file) == set()


def test_an_undeclared_import_would_be_found():
    page = SOURCES / "regrep_paper" / "report" / "page.py"
    assert foreign("def f():\n    from sklearn.datasets import load_digits\n    import yaml") - allowed(page) == {
        "sklearn",
        "pyyaml",
    }
    assert foreign("import json\nfrom PIL import Image") - allowed(page) == set()


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("lowest", ROOT / "tools" / "lowest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_requirement_has_a_lowest_version(tool):
    found = tool.lowest(TEXT)
    assert found["torch"] == "2.6"
    assert found.keys() == names(PROJECT["dependencies"]).union(
        *(names(wanted) for extra, wanted in PROJECT["optional-dependencies"].items() if extra != "baselines")
    ) - {"regrep"}


@pytest.mark.parametrize(
    ("requirements", "found"),
    [
        ('["a>=1.9,<3,!=2.0", "b[c]>=2"]', {"a": "1.9", "b": "2"}),
        ('["a>=1.9", "a>=1.10"]', {"a": "1.10"}),
    ],
)
def test_the_highest_of_several_lowest_versions_counts(tool, requirements, found):
    text = f'[project]\nname = "p"\ndependencies = {requirements}\noptional-dependencies.baselines = ["z"]'
    assert tool.lowest(text) == found


def test_a_requirement_without_a_lowest_version_is_refused(tool):
    with pytest.raises(ValueError, match="one lower bound, got 'a<2'; add >="):
        tool.lowest('[project]\nname = "p"\ndependencies = ["a<2"]\noptional-dependencies = {}')
