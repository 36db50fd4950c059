"""Reports of learned representations: tables beside the paper's, eigenvalues followed, controls, broken records."""

import itertools
import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from records_fixture import summary, write_learned, write_run

from regrep_paper.report import build, print_table
from regrep_paper.report.figures import draw, draw_learned
from regrep_paper.report.learned_part import learned_rows, root_name, sections
from regrep_paper.report.reconstructions import reconstructions
from regrep_paper.report.runs import read_arrays, read_runs
from regrep_paper.report.table import rows_of, select
from regrep_paper.report.trajectories import FRAMES, animation, followed, read_trajectories
from regrep_paper.tables.index import RUNS


def rows_in(folder):
    return select(rows_of(read_runs(folder)[0]))


def change(folder, **entries):
    """Other entries of done.json; None removes one."""
    path = folder / "done.json"
    done = {**json.loads(path.read_text()), **entries}
    path.write_text(json.dumps({name: entry for name, entry in done.items() if entry is not None}))


@pytest.fixture
def records(tmp_path):
    for seed in range(3):
        write_learned(tmp_path / f"t{seed}", "tmnist", seed, shift=seed == 1)
    write_learned(tmp_path / "failed", "tmnist", 3, status="failed", extras=False)
    write_learned(tmp_path / "running", "tmnist", 4, status=None, extras=False)
    return tmp_path


def test_a_line_per_run(records):
    (part,) = sections(rows_in(records))
    lines = [dict(zip(part.runs.headings, line, strict=True)) for line in part.runs.lines]
    assert [line["run"] for line in lines] == ["expected", *(f"orthogonal, seed {k}" for k in range(5))]
    assert (lines[0]["A"], lines[0]["B"], lines[0]["defect"]) == ("21", "21", "")
    assert (lines[1]["A"], lines[1]["B"]) == ("20.994 ± 0.002", "21.006 ± 0.002")
    assert [line["r near 1, −1"] for line in lines[1:]] == ["21, 21", "22, 20", "21, 21", "–", "–"]
    assert [line["rounds to expected"] for line in lines[1:]] == [
        *("yes", "no: 22, 20", "yes"),
        *("failed: the loss is not finite", "unfinished, epoch 6 of 12"),
    ]
    assert (lines[1]["smallest confidence"], lines[1]["whitened error"]) == ("0.989", "0.08")
    assert lines[1]["algebra loss"] == "4.09e-07"  # 1e-4 exp(-5.5), the last epoch
    assert lines[4]["A"] == lines[4]["defect"] == lines[5]["equivariance loss"] == "–"


def test_a_line_per_setting(records):
    (part,) = sections(rows_in(records))
    assert part.settings is None  # one setting, whose runs are all in the first table
    write_learned(records / "other", "tmnist", 0, shift=True, init="identity")
    (part,) = sections(rows_in(records))
    lines = {line[0]: dict(zip(part.settings.headings, line, strict=True)) for line in part.settings.lines}
    assert (lines["orthogonal"]["n"], lines["identity"]["n"]) == ("3", "1")
    assert lines["orthogonal"]["round to regular"] == "2 of 3"
    assert lines["identity"]["A"] == "21.99 (–) [21]"
    mean = (2 * 20.994 + 21.994) / 3
    assert lines["orthogonal"]["A"] == f"{mean:.2f} (0.58) [21]"


def test_the_algebra_loss_of_the_validation_record_comes_first(records):
    change(records / "t0", validation={"loss": 0.1, "algebra": 0.125})
    (part,) = sections(rows_in(records))
    assert part.runs.lines[1][part.runs.headings.index("algebra loss")] == "0.125"


def test_numbers_of_a_run_that_failed_are_not_shown(records):
    """A record left by a run that did not end well is no result."""
    change(records / "t0", status="failed")
    (part,) = sections(rows_in(records))
    assert sum(line[1] != "–" for line in part.runs.lines) == 1 + 2
    assert len(part.verdicts) == 2
    assert part.summary.startswith(
        "2 of 5 runs finished. 1 of 2 round to the expected multiplicities A 21, B 21 (seed 2)."
    )


def test_summary_counts_and_compares(records):
    (part,) = sections(rows_in(records))
    assert part.summary == (
        "3 of 5 runs finished. 2 of 3 round to the expected multiplicities A 21, B 21 (seeds 0, 2)."
        " Mean before rounding: A 21.33, B 20.67 (the paper's 5 runs: A 21.40, B 20.60)."
        " Controls that round to the expected ones too: shuffled labels 20%, random orthogonal matrices 10%,"
        " same initialisation 40%, untrained start 0%."
    )
    assert summary(rows_in(records)) == []  # losses under other weights are no contest
    assert part.verdicts[1] == ("orthogonal, seed 1", "ρ is not the regular representation.")


def test_initialisations_stay_apart(tmp_path):
    for init in ("orthogonal", "uniform"):
        write_learned(tmp_path / init, "mnist", 0, shift=init == "uniform", init=init)
    write_learned(tmp_path / "frozen", "mnist", 0, frozen_encoder=True)
    (part,) = sections(rows_in(tmp_path))
    assert {line[0] for line in part.runs.lines[1:]} == {
        "orthogonal, seed 0", "uniform, seed 0", "orthogonal, frozen encoder, seed 0",
    }  # fmt: skip
    assert "Controls" not in part.summary
    assert "uniform: 0 of 1 round to the expected multiplicities A1 5, A2 5, E 10." in part.summary
    assert ["uniform: trained", "1", "0%", "100%", "0.003", "3.2"] in part.controls.lines


def test_controls_are_means_over_draws(records):
    few = {"shuffled labels": {"draws": 30, "regular": 1.0, "confident": None, "defect": 0.7, "moved": 2.5}}
    change(records / "t0", controls=few)
    (part,) = sections(rows_in(records))
    lines = {line[0]: line[1:] for line in part.controls.lines}
    assert lines["trained"] == ["3", "67%", "100%", "0.003", "3.2"]
    assert lines["shuffled labels"] == ["50", "68%", "50%", "0.54", "2.5"]  # (30 · 1 + 20 · 0.2) / 50
    assert lines["untrained start"][0] == "20"


def test_the_papers_runs():
    for name, dim, sizes in (("tmnist", 42, (1, 1)), ("mnist", 30, (1, 1, 2)), ("cifar10", 64, (0, 0, 0, 0, 1, 1, 2))):
        assert len(RUNS[name].lines) == 5
        for line in RUNS[name].lines:
            assert sum(n * size for n, size in zip(line, sizes, strict=True)) == pytest.approx(dim, abs=0.1)
    assert all(sum(line[:4]) == 64 for line in RUNS["cifar10"].lines)


def test_the_paper_stands_beside_its_own_group_only(tmp_path):
    write_learned(tmp_path / "own", "mnist")
    write_learned(tmp_path / "other", "mnist", group="D4")
    beside = {part.heading: part.paper for part in sections(rows_in(tmp_path))}
    assert beside["MNIST, D4"] is None
    name, table = beside["MNIST, D3"]
    assert (name, table.headings, table.lines[2]) == (
        "Table 2",
        ["run", "A1", "A2", "E"],
        ["3", "5.004", "4.193", "10.40"],
    )


def test_names_of_roots():
    assert [root_name(k, 2) for k in range(2)] == ["1", "−1"]
    assert [root_name(k, 8) for k in range(8)] == ["1", "ω", "i", "ω³", "−1", "ω⁵", "−i", "ω⁷"]


def test_eigenvalues_are_followed_whatever_their_order():
    """Shuffled at every epoch, each column continues; a crossing is told by the closest pair."""
    turns = np.linspace(0, 0.9, 10)[None] + np.linspace(0, 0.09, 20)[:, None]
    tracks = np.exp(2j * np.pi * turns)
    draw = np.random.default_rng(0)
    shuffled = np.stack([tracks[0], *(draw.permutation(row) for row in tracks[1:])])
    assert np.array_equal(followed(shuffled), tracks)
    assert not np.array_equal(shuffled, tracks)


def test_eigenvalues_are_followed_by_the_smallest_sum_of_squares():
    """Against all permutations of six."""
    draw = np.random.default_rng(3)
    worse = 0
    for _ in range(40):
        before, after = draw.normal(size=(2, 6)) + 1j * draw.normal(size=(2, 6))
        cost = np.abs(before[:, None] - after) ** 2
        best = min(sum(cost[range(6), list(order)]) for order in itertools.permutations(range(6)))
        found = followed(np.stack([before, after]))[1]
        assert np.isclose((np.abs(before - found) ** 2).sum(), best)
        worse += (np.abs(before - after) ** 2).sum() > best + 1e-9
    assert worse > 30


def test_trajectories_of_a_record(tmp_path):
    folder = write_learned(tmp_path / "a", "mnist", epochs=200)
    rotation, mirror = read_trajectories(read_arrays(folder / "eigenvalues.npz"))
    assert (rotation.generator, rotation.order, mirror.order) == ("r", 3, 2)
    assert np.bincount(rotation.nearest).tolist() == [10, 10, 10]
    assert (rotation.epoch[0], rotation.epoch[-1]) == (0, 200)
    assert len(rotation.epoch) <= FRAMES
    assert np.abs(np.diff(rotation.values, axis=0)).max() < 0.6  # no jump across the circle
    half = read_trajectories(read_arrays(folder / "eigenvalues.npz"), last=100)[0]
    assert half.epoch[-1] == 100  # the best epoch, whose matrices the table analyses
    assert half.values.shape[0] == len(half.epoch)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"eigenvalues": np.full((3, 1, 4), np.nan, dtype=np.complex64)},
        {"eigenvalues": np.ones((2, 1, 4), dtype=np.complex64)},
        {"eigenvalues": np.ones((3, 1, 0), dtype=np.complex64)},
        {"orders": np.array([0])},
        {"generators": np.array(["r", "s"])},
        {"eigenvalues": None},
    ],
    ids=["not finite", "epochs differ", "empty", "order 0", "generators differ", "missing"],
)
def test_spoilt_eigenvalues_are_left_out(tmp_path, spoilt):
    sound = {
        "epoch": np.arange(3), "generators": np.array(["r"]), "orders": np.array([4]),
        "eigenvalues": np.ones((3, 1, 4), dtype=np.complex64),
    }  # fmt: skip
    np.savez(tmp_path / "sound.npz", **sound)
    np.savez(tmp_path / "spoilt.npz", **{k: v for k, v in {**sound, **spoilt}.items() if v is not None})
    assert len(read_trajectories(read_arrays(tmp_path / "sound.npz"))) == 1
    assert read_trajectories(read_arrays(tmp_path / "spoilt.npz")) == []


def test_the_moving_picture(tmp_path):
    """Well-formed, small, still where less motion is asked for; each dot ends where its eigenvalue does."""
    folder = write_learned(tmp_path / "a", "mnist", epochs=100)
    svg = animation(rows_in(tmp_path))
    assert svg == animation(rows_in(tmp_path))
    assert len(svg) < 1_000_000
    assert "@media (prefers-reduced-motion: reduce) {.moving {display: none}}" in svg
    root = ElementTree.fromstring(svg)
    steps = [one for one in root.iter() if one.tag.endswith("animate")]
    assert len(steps) == 2 * 2 * 30
    assert all(len(one.get("values").split(";")) == len(one.get("keyTimes").split(";")) for one in steps)
    times = [float(time) for time in steps[0].get("keyTimes").split(";")]
    assert (times[0], times[-1]) == (0, 1)
    assert times == sorted(times)
    ends = [float(one.get("values").split(";")[-1]) for one in steps[:60:2]]
    values = read_trajectories(read_arrays(folder / "eigenvalues.npz"))[0].values
    assert ends == pytest.approx(values[-1].real.tolist(), abs=1e-3)
    assert animation([]) == ""


def test_one_recorded_epoch_can_be_drawn(tmp_path):
    folder = write_learned(tmp_path / "a", pictures=False)
    with np.load(folder / "eigenvalues.npz") as file:
        entries = dict(file)
    np.savez(folder / "eigenvalues.npz", **entries | {k: entries[k][:1] for k in ("epoch", "eigenvalues")})
    assert ElementTree.fromstring(animation(rows_in(tmp_path))) is not None
    assert draw_learned(rows_in(tmp_path))["TMNIST, C2"][0].name == "eigenvalues-tmnist-c2"


def test_pictures_with_and_without_decoder(tmp_path):
    for experiment in ("tmnist", "cifar10"):
        (write_learned(tmp_path / experiment, experiment) / "metrics.csv").unlink()
    panels = {heading: len(reconstructions(rows).axes) for heading, rows in learned_rows(rows_in(tmp_path)).items()}
    assert panels == {"TMNIST, C2": 3 * 4, "CIFAR10, C4": 2 * 4}
    assert "examples" not in [figure.name for figure in draw(rows_in(tmp_path))]


def test_pictures_that_do_not_fit_together_are_left_out(tmp_path):
    folder = write_learned(tmp_path / "a")
    with np.load(folder / "examples.npz") as file:
        entries = dict(file)
    np.savez(folder / "examples.npz", **entries | {"decoded": entries["decoded"][:2]})
    assert reconstructions(rows_in(tmp_path)) is None


def test_the_page(tmp_path):
    """Both kinds of experiments stand in one page, each with its own sections."""
    (write_run(tmp_path / "other") / "metrics.csv").unlink()
    for seed in range(2):
        write_learned(tmp_path / f"t{seed}", "tmnist", seed, shift=seed == 1)
    made = build(tmp_path)
    page = made.page.read_text()
    for told in ('id="candidates"', 'id="learned"', '<h3 id="tmnist-c2">TMNIST, C2</h3>', "Table 1 of the paper"):
        assert told in page
    assert "<b>orthogonal, seed 1:</b> ρ is not the regular representation." in page
    assert page.count('id="examples-section"') == 1
    names = {path.name for path in made.figures}
    assert {"eigenvalues-tmnist-c2.svg", "reconstructions-tmnist-c2.pdf", "algebra-loss.svg"} <= names
    identifiers = re.findall(r'\bid="([^"]*)"', page)
    assert len(identifiers) == len(set(identifiers)) > 20
    assert "no: 22, 20" in made.text


def test_the_same_records_give_the_same_figures(tmp_path):
    write_learned(tmp_path / "a", pictures=False)
    rows = rows_in(tmp_path)
    assert draw_learned(rows) == draw_learned(rows)


def test_pages_without_learned_runs_do_not_speak_of_them(tmp_path):
    (write_run(tmp_path / "a", pictures=False) / "metrics.csv").unlink()
    made = build(tmp_path)
    assert 'id="learned"' not in made.page.read_text()
    assert "multiplicities" not in made.text.lower()


def test_runs_without_extras_do_no_harm(tmp_path, capsys):
    """Only learned runs, and nothing but losses: no accuracy, no choice, no moving picture."""
    (write_learned(tmp_path / "bare", extras=False) / "metrics.csv").unlink()
    (write_learned(tmp_path / "running", seed=1, status=None, extras=False) / "metrics.csv").unlink()
    (part,) = sections(rows_in(tmp_path))
    assert (part.controls, part.verdicts, part.summary) == (None, [], "1 of 2 runs finished.")
    page = build(tmp_path).page.read_text()
    assert "validation loss" in page
    assert not re.search("accuracy|Moving picture|All configurations", page)
    print_table(tmp_path)
    assert "Multiplicities, TMNIST, C2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoilt",
    [
        {"representation": "none"},
        {"representation": {"multiplicities": {"A": 3, "B": {"value": "many"}}, "generators": {"r": None}}},
        {"controls": {"shuffled labels": 0.3}},
        {"controls": []},
        {"test": None},
    ],
)
def test_spoilt_entries_do_no_harm(tmp_path, spoilt):
    change(write_learned(tmp_path / "a", pictures=False), **spoilt)
    write_learned(tmp_path / "b", seed=1, pictures=False)
    (part,) = sections(rows_in(tmp_path))
    assert len(part.runs.lines) == 3
    assert {len(line) for line in part.runs.lines} == {len(part.runs.headings)}


def test_no_run_is_finished(tmp_path):
    write_learned(tmp_path / "a", status=None)
    (part,) = sections(rows_in(tmp_path))
    assert part.summary == "no run is finished yet."
