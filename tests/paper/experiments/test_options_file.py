"""Files of options: what is read, what is refused, and what a file in a run folder may say."""

import pytest

from regrep.errors import RegrepError
from regrep_paper.experiments.options_file import read_options


@pytest.fixture
def options(tmp_path):
    def read(text, foreign=False):
        (tmp_path / "a.yaml").write_text(text)
        if foreign:
            (tmp_path / "run.json").write_text("{}")
        return read_options(tmp_path / "a.yaml")

    return read


def test_options_are_those_of_the_file(options):
    text = (
        "seed_everything: 3\nout: elsewhere\ndata: {group: D1, data_dir: here}\ntrainer: {logger: {class_path: a.B}}\n"
    )
    assert options(text) == {
        "seed_everything": 3, "out": "elsewhere", "data": {"group": "D1", "data_dir": "here"},
        "trainer": {"logger": {"class_path": "a.B"}},
    }  # fmt: skip


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a, b]", "holds options with values, got list; check its name"),
        ("word", "holds options with values, got str"),
        ("3: 4", "holds options with values, got dict"),
        ("a: 1\n3: 4", "holds options with values, got dict"),
        ("config: b.yaml", "may not name a further file with the key config; pass --config twice"),
        ("data: b.yaml", "data in .*a.yaml must be options with values, but is not; write them out"),
        ("trainer: [a]", "trainer in .*a.yaml must be options with values"),
        ("a: [", "in .*a.yaml: "),
    ],
)
def test_other_files_are_refused(options, foreign, text, message):
    with pytest.raises(RegrepError, match=message):
        options(text, foreign)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(RegrepError, match="the file of options .*none.yaml cannot be read"):
        read_options(tmp_path / "none.yaml")


def test_a_file_in_a_run_folder_sets_plain_values_alone(options, tmp_path):
    plain = "seed_everything: 3\ndata: {group: D1, data_dir: null}\nmodel: {weight: 0.5}\ntrainer: {logger: false}\n"
    assert options(plain, foreign=True) == {
        "seed_everything": 3, "data": {"group": "D1", "data_dir": None}, "model": {"weight": 0.5},
        "trainer": {"logger": False},
    }  # fmt: skip
    assert options("out: elsewhere") == {}
    assert options(f"out: {tmp_path}") == {"out": str(tmp_path)}
    assert options("out: 3") == {}
    for text, option in (
        ("data: {data_dir: here}", "data.data_dir"),
        ("trainer: {logger: CSVLogger}", "trainer.logger"),
        ("trainer: {callbacks: 3}", "trainer.callbacks"),
    ):
        with pytest.raises(RegrepError, match=f"no paths or classes are taken, but sets {option}; pass --{option} "):
            options(text)
    for text in ("model: {weight: [1]}", "data: {group: ../a}", "seed_everything: a.b"):
        with pytest.raises(RegrepError, match="may set .* to a number or a plain word"):
            options(text)
