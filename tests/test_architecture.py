"""What holds for both packages: directions of imports, light start, documentation, sizes, version."""

import ast
import importlib
import inspect
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import regrep

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
FILES = sorted(SOURCES.rglob("*.py"))

LIBRARY = [
    {"errors", "_version", "deprecated", "html", "placed", "student", "unrounded"},
    {"arguments"},
    {"groups"},
    {"representations"},
    {"actions"},
    {"objectives"},
    {"diagnostics"},
    {"nn"},
    {"comparison"},
    {"integrations", "__init__"},
]
"""Parts of the library: a file imports from its own part and from earlier ones, from no later one."""

PAPER = [
    {"suggestions"},
    {"tables"},
    {"runs"},
    {"steerable"},
    {"networks"},
    {"data"},
    {"tasks"},
    {"training"},
    {"experiments"},
    {"cli", "commands", "completion", "doctor", "parser", "worker", "__init__", "__main__"},
]
"""Parts of the reproduction, likewise; all of them may import the library."""

REPORT = {"tables", "runs", "suggestions"}
"""What reports are made of; the command line alone imports them."""

EXTRAS = (
    "lightning", "pytorch_lightning", "jsonargparse", "torchmetrics", "rich", "yaml", "pooch", "sklearn",
    "scipy", "submitit", "matplotlib", "torchvision", "PIL", "transformers", "accelerate", "timm", "onnx",
)  # fmt: skip
"""Modules that the core works without."""


def place(file: Path) -> tuple[str, str]:
    """Package and part of a file."""
    package, part, *_ = file.relative_to(SOURCES).parts
    return package, part.removesuffix(".py")


def rank(order: list[set[str]], name: str) -> int:
    return next(k for k, names in enumerate(order) if name in names)


def imported(source: str, package: str) -> set[str]:
    """Parts of a package that a source imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == package else [module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith(f"{package}.")}
        found |= {"" for name in names if name == package}
    return found


def wrong_imports(package: str, own: str, source: str) -> set[str]:
    """Parts that a source imports against the order."""
    if package == "regrep":
        library = {name for name in imported(source, "regrep") - {"", own} if rank(LIBRARY, name) >= rank(LIBRARY, own)}
        return library | {f"regrep_paper.{name}" for name in imported(source, "regrep_paper")}
    parts = imported(source, "regrep_paper") - {own}
    if own == "report":
        return parts - REPORT
    last = rank(PAPER, own) == len(PAPER) - 1
    return {
        name
        for name in parts
        if (name == "report" and not last) or (name != "report" and not last and rank(PAPER, name) >= rank(PAPER, own))
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_imports_go_one_way(file):
    assert wrong_imports(*place(file), file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("place", "source", "wrong"),
    [
        (("regrep", "groups"), "def f():\n    from regrep.actions import sample", {"actions"}),
        (("regrep", "objectives"), "from regrep import diagnostics, groups", {"diagnostics"}),
        (("regrep", "groups"), "import regrep_paper.runs.records", {"regrep_paper.runs"}),
        (("regrep", "nn"), "import regrep_paper", {"regrep_paper."}),
        (("regrep_paper", "report"), "from regrep.groups import cyclic", set()),
        (("regrep_paper", "report"), "from regrep_paper.training import module", {"training"}),
        (("regrep_paper", "experiments"), "from regrep_paper.report.models import models", {"report"}),
        (("regrep_paper", "networks"), "from regrep_paper.data.batches import mix", {"data"}),
        (("regrep_paper", "cli"), "from regrep_paper.report.models import models", set()),
    ],
)
def test_a_wrong_import_would_be_found(place, source, wrong):
    assert wrong_imports(*place, source) == wrong


@pytest.mark.parametrize(
    "file", sorted((SOURCES / "regrep_paper" / "tables").rglob("*.py")), ids=lambda file: file.stem
)
def test_tables_are_free_of_torch(file):
    module = ".".join(file.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
    run(f"import sys, {module}; assert not {{'torch', 'numpy'}} & set(sys.modules)")


def test_reports_are_made_without_training_code():
    for file in (SOURCES / "regrep_paper" / "report").glob("*.py"):
        assert "lightning" not in file.read_text(encoding="utf-8"), file


def test_files_have_names_of_their_own():
    """Each noun lives in one room, so that a name finds its file."""
    names = [file.stem for file in (SOURCES / "regrep_paper").rglob("*.py") if not file.stem.startswith("__")]
    assert {name for name in names if names.count(name) > 1} == set()


def test_tests_of_the_reproduction_lie_in_the_room_they_test():
    """Where a file of sources lies tells where its tests lie, and a test of many rooms at once stands out.

    The other way round, a room that is renamed takes its tests along. What runs from the command line, or joins
    rooms, lies in ``end_to_end``.
    """
    rooms = {file.parent.name for file in (SOURCES / "regrep_paper").glob("*/__init__.py")} | {"end_to_end"}
    files = [file.relative_to(ROOT / "tests" / "paper") for file in (ROOT / "tests" / "paper").rglob("test_*.py")]
    assert len(files) > 50
    assert [str(file) for file in files if len(file.parts) != 2 or file.parts[0] not in rooms] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_a_file_is_one_noun(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


def test_every_folder_is_a_package():
    assert {file.parent for file in FILES} == {file.parent for file in FILES if file.name == "__init__.py"}


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def without_extras():
    """What a process without any extra comes to: all of the library, and the error of each adapter, if it has one."""
    code = (
        "import json, sys\n"
        f"for name in {EXTRAS}: sys.modules[name] = None  # importing one fails\n"
        "import regrep\n"
        "for name in regrep.__all__: getattr(regrep, name)\n"
        "group = regrep.groups.parse('D4')\n"
        "from regrep.groups.description import describe\n"
        "describe(group)\n"
        "found = {'adapters': [name for name in sys.modules if name.startswith('regrep.integrations')]}\n"
        "for name in ('lightning', 'torchmetrics', 'huggingface'):\n"
        "    try:\n"
        "        __import__('regrep.integrations.' + name)\n"
        "    except regrep.MissingExtraError as error:\n"
        "        found[name] = str(error)\n"
        "print(json.dumps(found))\n"
    )
    return json.loads(run(code))


def test_the_core_needs_torch_and_numpy_alone(without_extras):
    assert without_extras["adapters"] == []


@pytest.mark.parametrize("name", ["lightning", "torchmetrics"])
def test_an_adapter_without_its_framework_names_the_extra(without_extras, name):
    assert 'pip install "regrep[integrations]"' in without_extras[name]


def test_the_trainers_mixin_needs_no_transformers(without_extras):
    assert "huggingface" not in without_extras


@pytest.mark.parametrize("words", ["--help", "--version", "sweep --help", "fit --help", "nonsense", "models"])
def test_help_starts_without_torch(words):
    run(
        "import sys\n"
        "from regrep_paper.cli import main\n"
        "try:\n"
        f"    main({words.split()!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'torch', 'numpy', 'lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )


def test_records_are_read_without_torch():
    run("import sys, regrep_paper.runs.records; assert 'torch' not in sys.modules")


PUBLIC = ["regrep", *(f"regrep.{name}" for names in LIBRARY[2:9] for name in sorted(names))]


def test_integrations_are_imported_on_use_alone():
    """Nothing of the library imports an adapter, and their package imports none of them."""
    for file in (SOURCES / "regrep").rglob("*.py"):
        if place(file)[1] != "integrations" or file.stem == "__init__":
            assert "integrations" not in imported(file.read_text(encoding="utf-8"), "regrep"), file


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


def test_type_checkers_see_every_public_name():
    body = ast.parse((SOURCES / "regrep" / "__init__.py").read_text()).body
    (block,) = (node for node in body if isinstance(node, ast.If))
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(regrep.__all__) - {"MissingExtraError", "RegrepError", "__version__"}


def test_dir_lists_the_public_names():
    assert set(regrep.__all__) <= set(dir(regrep))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = regrep.nonsense


def test_the_changelog_begins_with_this_version():
    head = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert head is not None
    assert head[1] == regrep.__version__
