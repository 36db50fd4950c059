"""The description in a package's metadata is README without links into the checkout, which lead nowhere outside it."""

import re
from pathlib import Path

from setuptools import setup


def described(readme: str) -> str:
    """README with its pictures left out and its pages named instead of linked."""
    without = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", readme)
    return re.sub(
        r"\[([^]]*)\]\((?!https?:|#)([^)]*)\)",
        lambda link: link[1] if link[1] == link[2] else f"{link[1]} ({link[2]})",
        without,
    )


if __name__ == "__main__":
    setup(
        long_description=described((Path(__file__).parent / "README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )
