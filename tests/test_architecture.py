"""What holds for the whole package: directions of imports, light start, documentation, sizes, version."""

import ast
import importlib
import inspect
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

import regrep

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "regrep"
FILES = sorted(PACKAGE.rglob("*.py"))

ORDER = [
    {"errors", "_version", "suggestions"},
    {"groups"},
    {"representations"},
    {"actions"},
    {"objectives"},
    {"diagnostics"},
    {"training"},
    {"experiments"},
    {"report"},
    {"cli", "doctor", "parser", "__init__", "__main__"},
]
"""A file imports from its own part and from earlier ones, from no later one."""

EXTRAS = (
    "lightning", "pytorch_lightning", "jsonargparse", "torchmetrics", "rich", "yaml", "pooch", "sklearn",
    "scipy", "submitit", "matplotlib", "torchvision", "PIL",
)  # fmt: skip
"""Modules that the core works without."""


def part(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rank(name: str) -> int:
    return next(k for k, names in enumerate(ORDER) if name in names)


def imported(source: str) -> set[str]:
    """Parts of the package that a source imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "regrep" else [module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("regrep.")}
    return found


def wrong_imports(own: str, source: str) -> set[str]:
    return {name for name in imported(source) if name != own and rank(name) >= rank(own)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_one_way(file):
    own = part(file)
    allowed = {"__main__": {"cli"}, "cli": {"doctor", "parser"}}.get(own, set())
    assert wrong_imports(own, file.read_text(encoding="utf-8")) <= allowed


def test_a_wrong_import_would_be_found():
    assert wrong_imports("groups", "def f():\n    from regrep.actions import sample") == {"actions"}
    assert wrong_imports("groups", "import regrep.training.records") == {"training"}
    assert wrong_imports("objectives", "from regrep import diagnostics, groups") == {"diagnostics"}
    assert wrong_imports("report", "from regrep.groups import cyclic") == set()
    assert wrong_imports("experiments", "from regrep.report.models import models") == {"report"}


def test_reports_are_made_without_training_code():
    for file in (PACKAGE / "report").glob("*.py"):
        source = file.read_text(encoding="utf-8")
        others = r"regrep\.(experiments\.(?!catalogue )|training\.(?!records))|import lightning"
        assert not re.search(others, source), file


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_is_one_noun(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


def test_every_folder_is_a_package():
    assert {file.parent for file in FILES} == {file.parent for file in FILES if file.name == "__init__.py"}


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_core_needs_torch_and_numpy_alone():
    run(
        "import sys\n"
        f"for name in {EXTRAS}: sys.modules[name] = None  # importing one fails\n"
        "import regrep\n"
        "for name in regrep.__all__: getattr(regrep, name)\n"
        "group = regrep.groups.parse('D4')\n"
        "from regrep.groups.description import describe\n"
        "describe(group)\n"
    )


@pytest.mark.parametrize("words", ["--help", "--version", "sweep --help", "fit --help", "nonsense", "models"])
def test_help_starts_without_torch(words):
    run(
        "import sys\n"
        "from regrep.cli import main\n"
        "try:\n"
        f"    main({words.split()!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'torch', 'numpy', 'lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )


def test_records_are_read_without_torch():
    run("import sys, regrep.training.records; assert 'torch' not in sys.modules")


PUBLIC = ["regrep", *(f"regrep.{name}" for names in ORDER[1:6] for name in sorted(names))]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_exists_and_is_documented(module):
    face = importlib.import_module(module)
    assert len(set(face.__all__)) == len(face.__all__)
    assert inspect.getdoc(face)
    for name in face.__all__:
        value = getattr(face, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            text = inspect.getdoc(value) or ""
            own = value.__doc__ if inspect.isclass(value) else text
            assert own, f"{module}.{name} has no docstring"
            assert not own.startswith(f"{name}("), f"{module}.{name} has only a generated docstring"
            continue
        assert inspect.ismodule(value) or constant_is_documented(face, name), f"{module}.{name}"


def constant_is_documented(face, name: str) -> bool:
    """Whether some file of the package assigns the name and says in a string below what it is."""
    if name == "__version__":
        return True
    for file in Path(face.__file__).parent.glob("*.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        for line, below in itertools.pairwise(body):
            targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    return False


def test_dir_lists_the_public_names():
    assert set(regrep.__all__) <= set(dir(regrep))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = regrep.nonsense


def test_the_changelog_begins_with_this_version():
    head = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert head is not None
    assert head[1] == regrep.__version__
