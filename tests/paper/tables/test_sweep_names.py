"""A sweep is named by its file, or by the last two parts of the path of a packaged one."""

import re
from pathlib import Path

import pytest

from regrep.errors import RegrepError
from regrep_paper.tables.sweeps import FOLDER, packaged, sweep_file


def test_names_lead_to_their_files(tmp_path):
    assert packaged() == sorted(packaged())
    assert len(packaged()) == len(list(FOLDER.rglob("*.yaml"))) > 10
    for name in packaged():
        for path in (name, f"{name}.yaml", f"somewhere/else/{name}.yaml"):
            found = sweep_file(Path(path))
            assert found.relative_to(FOLDER).as_posix() == f"{name}.yaml"
    own = tmp_path / "ddmnist" / "table4.yaml"
    own.parent.mkdir()
    own.write_text("")
    assert sweep_file(own) == own


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("ddmnist/tabel4", "did you mean ddmnist/table4?"),
        ("a/b/ddmnist/tabel4.yaml", "did you mean ddmnist/table4?"),
        ("table4.yaml", "did you mean ddmnist/table4?"),
        ("elsewhere-and-far/tabel5", "did you mean medmnist3d/table5?"),
        ("table6", "did you mean smoke/table6?"),
        ("an-older-checkout-with-a-long-name/ddmnist/smal", "did you mean ddmnist/small?"),  # and not smoke's
        ("single-digits/studdy", "did you mean single-digits/study?"),
        ("QQQQ", f"choose from {', '.join(packaged())}"),
    ],
)
def test_a_misspelt_name_is_told_from_the_nearest(path, near):
    told = f"the sweep file {path} cannot be read, and no packaged sweep has that name; {near}"
    with pytest.raises(RegrepError, match=f"^{re.escape(told)}$"):
        sweep_file(Path(path))
