"""What is installed and what is missing, for ``regrep doctor``."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib import metadata
from importlib.util import find_spec

from regrep._version import __version__

EXTRAS = {
    "train": ("lightning", "torchmetrics", "jsonargparse", "rich", "yaml"),
    "data": ("pooch", "PIL"),
    "sim": ("phi",),
    "sweep": ("submitit",),
    "report": ("matplotlib", "jinja2", "scipy", "PIL"),
    "integrations": ("torchmetrics", "transformers", "accelerate"),
    "completion": ("argcomplete",),
    "baselines": ("escnn",),
}
"""Modules of each extra, by import name."""


def examine() -> str:
    """A readable report; each line with something missing says what to run.

    >>> examine().splitlines()[0].startswith("regrep")
    True
    """
    return "\n".join(f"{name:14} {text}" for name, text in lines())


def lines() -> list[tuple[str, str]]:
    """What is examined, and what was found."""
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none visible"
    return [
        ("regrep", __version__),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("torch", torch.__version__),
        ("numpy", version("numpy")),
        ("GPU", device),
        ("threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores; OMP_NUM_THREADS changes it"),
        *((f"[{extra}]", _extra(extra, modules)) for extra, modules in EXTRAS.items()),
        (
            "baselines",
            baselines(sys.version_info[:2], version("numpy"), shutil.which("gfortran") is not None),
        ),
    ]


def version(package: str) -> str:
    """Installed version of a package, or ``not installed``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def extra_of(module: str | None) -> str | None:
    """The extra that installs a module.

    >>> extra_of("lightning.pytorch"), extra_of("tensorflow")
    ('train', None)
    """
    top = (module or "").partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)


def baselines(python: tuple[int, int], numpy: str, fortran: bool) -> str:
    """Whether escnn, which steerable baselines need, can be installed in this environment.

    >>> baselines((3, 11), "1.26.4", True)
    'escnn can be installed here'
    >>> baselines((3, 13), "1.26.4", False)
    'escnn needs Python <= 3.12 (here 3.13) and a Fortran compiler (none found); use another environment'
    """
    lacking = []
    if python > (3, 12):
        lacking.append(f"Python <= 3.12 (here {python[0]}.{python[1]})")
    major = re.match(r"\d+", numpy)
    if major is None or int(major[0]) >= 2:
        lacking.append(f"numpy < 2 (here {numpy})")
    if not fortran:
        lacking.append("a Fortran compiler (none found)")
    if not lacking:
        return "escnn can be installed here"
    words = " and ".join([", ".join(lacking[:-1]), lacking[-1]] if len(lacking) > 1 else lacking)
    return f"escnn needs {words}; use another environment"


def _extra(extra: str, modules: tuple[str, ...]) -> str:
    missing = [module for module in modules if find_spec(module) is None]
    if not missing:
        return "installed"
    return f'{", ".join(missing)} missing; run: pip install "regrep[{extra}]"'
