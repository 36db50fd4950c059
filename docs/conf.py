"""The site: `make docs` builds it into build/site, which works from disk."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser

import regrep

HERE = Path(__file__).parent
ROOT = HERE.parent

project, author, copyright = "regrep", "The regrep authors", "The regrep authors"
release = version = regrep.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md", "**/_*"]
html_theme = "furo"
html_title = f"regrep {version}"
html_static_path = ["assets"]
html_css_files = ["site.css"]
html_copy_source = False
nitpicky = False  # types of torch and numpy are named, and not described, here

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

FACES = (
    "regrep",
    *(
        f"regrep.{one.name}"
        for one in pkgutil.iter_modules(regrep.__path__)
        if one.ispkg and one.name != "integrations"
    ),
    "regrep.representations.layouts",
    *(f"regrep.integrations.{name}" for name in ("lightning", "huggingface", "torchmetrics")),
)
"""Modules whose public names are the interface."""


def public(module: Any) -> list[str]:
    """Names of a module's interface: its ``__all__``, or what it defines itself."""
    if hasattr(module, "__all__"):
        return sorted(name for name in module.__all__ if not name.startswith("__"))
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    )


def summary(value: Any) -> str:
    """The first line of a docstring, as Markdown."""
    line = re.sub(r":\w+:`~?([^`]*)`", r"``\1``", (inspect.getdoc(value) or "").split("\n")[0])
    return "".join(
        part if part[:1] == "`" else re.sub(r"([*_])", r"\\\1", part) for part in re.split(r"(``.*?``)", line)
    )


def write_reference() -> None:
    """A page for each module of the interface, with every public name; names that several have are shown once."""
    folder = HERE / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    shown: set[int] = set()
    pages = {}
    for name in reversed(FACES):  # where a name lives, before where it is offered again
        module = importlib.import_module(name)
        blocks, again = [], []
        for one in public(module):
            value = getattr(module, one)
            if inspect.ismodule(value):
                continue
            if id(value) in shown and (inspect.isclass(value) or inspect.isroutine(value)):
                home = value.__module__.rpartition(".")[0]
                same = "" if one == value.__name__ else f"`{one}` is "
                again.append(f"- {same}{{py:obj}}`{home}.{value.__name__}`: {summary(value)}")
                continue
            shown.add(id(value))
            kind = "class" if inspect.isclass(value) else "function" if inspect.isroutine(value) else "data"
            if inspect.isclass(value) and issubclass(value, BaseException):
                kind = "exception"
            more = "\n   :members:\n   :show-inheritance:" if kind == "class" else ""
            more += "\n   :no-value:" if kind == "data" else ""
            blocks.append(f"```{{eval-rst}}\n.. auto{kind}:: {name}.{one}{more}\n```")
        about = (inspect.getdoc(module) or "").split("\n\n")[0]
        also = ["", "Described where they live:", "", *again] if again else []
        pages[name] = "\n\n".join([f"# {name}", about, "\n".join(also), *blocks]) + "\n"
    for name, page in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")


DOCTEST = re.compile(r"^\s*(>>>|\.\.\. )")


def escape(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are read by people in the sources: |G| and a lone star are no markup in them."""
    inside = False
    for k, line in enumerate(lines):
        inside = bool(DOCTEST.match(line)) or (inside and bool(line.strip()))
        if not inside:
            parts = re.split(r"(``.*?``|`[^`]*`)", line)
            lines[k] = "".join(part if part.startswith("`") else _plain(part) for part in parts)


def _plain(text: str) -> str:
    """Text whose bars, and stars without a partner, are themselves; a star before a space begins an item."""
    text = re.sub(r"(?<!\\)\|", r"\\|", text)
    lone = len(re.findall(r"(?<!\\)\*(?! )", text)) % 2
    return re.sub(r"(?<!\\)\*(?! )", r"\\*", text) if lone else text


class NotebookParser(MystParser):
    """Reads a notebook as a page: its texts, its code, and what the code printed and drew."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse the notebook as Markdown."""
        super().parse(markdown_of(json.loads(inputstring)), document)


def markdown_of(notebook: dict[str, Any]) -> str:
    """A notebook as Markdown."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/svg+xml" in data:
                parts.append('```{raw} html\n<div class="figure">' + "".join(data["image/svg+xml"]) + "</div>\n```")
                continue
            text = "".join(output.get("text", data.get("text/plain", "")))
            if text.strip():
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def setup(app: Any) -> None:
    """Register what is our own."""
    write_reference()
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    app.connect("autodoc-process-docstring", escape, priority=900)  # after napoleon
    sys.path.insert(0, str(HERE))
