"""Task files: Python files of the user that define a task."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regrep.comparison import Task
from regrep.comparison.failures import blamed, first_line
from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.suggestions import repair
from regrep_paper.tasks import TASKS, task_file

MODULE = "regrep_task"
"""Name of a task file as a module."""


@dataclass(frozen=True, eq=False)
class TaskFile:
    """A task that was read.

    Attributes:
        path: of the file.
        task: what it defines.
        digest: of the text of the file, and of those beside it that it imports; a comparison whose task was changed
            begins again.
    """

    path: Path
    task: Task
    digest: str


def read_task(source: str, data_dir: Path | None = None) -> TaskFile:
    """Run a task file and return its task.

    The file is the user's own program: it is run with all rights of the user, and may import what lies beside it.

    Args:
        source: a path, or the name of a ready task.
        data_dir: passed to a file that defines ``task`` as a function of it.

    Raises:
        RegrepError: there is no such file, it fails, or it defines no task.
    """
    path = _path(source)
    try:
        text = path.read_bytes()
    except OSError as cause:
        raise RegrepError(f"the task file {path} cannot be read ({cause.strerror}); check its name") from cause
    task = _task(path, _run(path), data_dir)
    return TaskFile(path, task, _digest(path, text))


def _digest(path: Path, text: bytes) -> str:
    """Of a file, and of all files beside it that it imports, directly or through each other, also inside functions."""
    folder, texts, waiting = path.parent, {path: text}, [path]
    package = _package(folder)
    while waiting:
        file = waiting.pop()
        for name in _imported(file.relative_to(folder), texts[file]):
            parts = name.removeprefix(package).split(".")  # also by its whole name, if the folder is a package
            for stem in (folder.joinpath(*parts[:k]) for k in range(1, len(parts) + 1)):
                for other in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
                    if other not in texts and other.is_file():
                        texts[other] = other.read_bytes()
                        waiting.append(other)
    digest = hashlib.sha256(texts.pop(path))
    for file in sorted(texts):
        digest.update(f"{file.relative_to(folder).as_posix()} {hashlib.sha256(texts[file]).hexdigest()}".encode())
    return digest.hexdigest()[:12]


def _package(folder: Path) -> str:
    """Name of the package that a folder is, with a dot behind it; empty for any other folder."""
    name = ""
    while (folder / "__init__.py").is_file():
        folder, name = folder.parent, f"{folder.name}.{name}"
    return name


def _imported(file: Path, text: bytes) -> Iterator[str]:
    """Names of what a file imports, which may be modules; those without a dot in front are looked for everywhere."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # one that is imported later, if ever
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = file.parts[: len(file.parts) - node.level] if node.level else ()
            base = ".".join([*outer, *filter(None, [node.module])])
            yield from (f"{base}.{one.name}".lstrip(".") for one in node.names if one.name != "*")
            if base:
                yield base


def _path(source: str) -> Path:
    if source in TASKS:
        return task_file(source)
    path = Path(source)
    if path.suffix != ".py":
        raise RegrepError(f"there is no task {source}; name a file TASK.py or a ready task: {repair(source, TASKS)}")
    return path.resolve()


def _run(path: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(MODULE, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    with _beside(path):
        sys.modules[MODULE] = module
        try:
            spec.loader.exec_module(module)
        except (RegrepError, MissingExtraError):
            raise
        except ModuleNotFoundError as cause:
            raise RegrepError(f"{path.name} imports {cause.name}, which is not installed; install it") from cause
        except (Exception, SystemExit) as cause:
            line = next(
                (
                    one.lineno
                    for one in reversed(traceback.extract_tb(cause.__traceback__))
                    if one.filename == str(path)
                ),
                getattr(cause, "lineno", None),
            )
            where = "" if line is None else f", line {line}"
            raise RegrepError(f"{path.name}{where}: {type(cause).__name__}: {first_line(cause)}") from cause
    return vars(module)


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let a file import what lies beside it, as ``python TASK.py`` does; also later, from its functions."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    yield


def _task(path: Path, found: dict[str, Any], data_dir: Path | None) -> Task:
    task = found.get("task")
    if callable(task) and not isinstance(task, Task | type):
        with blamed(f"the function task of {path.name}"):
            task = task(data_dir)
    elif data_dir is not None:
        raise RegrepError(f"{path.name} reads no files from a folder; leave out --data-dir")
    if isinstance(task, Task):
        return task
    others = [name for name, value in found.items() if isinstance(value, Task)]
    if others:
        raise RegrepError(f"{path.name} calls its task {others[0]}; call it task")
    raise RegrepError(f"{path.name} defines no task; end it with task = regrep.Task(model=..., data=..., ...)")
