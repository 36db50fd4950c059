"""Run the notebooks of the site, and keep what they print and draw.

python docs/notebooks.py [NOTEBOOK ...]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent / "notebooks"
SECONDS = 120


def executed(path: Path) -> Any:
    """The notebook, run from the top in a new process, without traces of the machine and the time."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", record_timing=False).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            if "data" in output:  # the table or the picture; the text stands for neither
                output["data"] = {
                    kind: output["data"][kind] for kind in ("image/svg+xml", "text/plain") if kind in output["data"]
                }
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def printed(notebook: Any) -> list[str]:
    """What its cells print, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return ["".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in outputs]


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(executed(path), path)
