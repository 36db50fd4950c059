"""`regrep compare` in the machinery of sweeps: runs that continue, pages and records that are data alone."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from comparison_fixture import comparison, trained
from regrep.comparison import Comparison
from regrep.errors import RegrepError
from regrep_paper.cli import main
from regrep_paper.experiments import compared
from regrep_paper.experiments.task_file import read_task
from regrep_paper.report.arms_page import comparison_page, courses_of, drawing_of, followed_of
from regrep_paper.runs.records import RunFolder

TASK = """
import torch
from torch import nn
import regrep

GROUP = regrep.groups.cyclic(2)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.encoder(x))


def samples(count, seed):
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] + x[:, 2] > 0).long()


task = regrep.Task(
    name="swaps",
    model=lambda seed: Network(),
    data=regrep.comparison.Splits(samples(20, 0), samples(20, 1), samples(30, 2)),
    loss=nn.functional.cross_entropy, steps=3, weights=(0.1, 1.0),
    input_action=regrep.actions.Permute(GROUP, torch.tensor([[0, 1, 2, 3], [2, 3, 0, 1]])),
)
"""


@pytest.fixture
def in_process(monkeypatch):
    """Runs of a comparison as calls in this process, instead of workers."""
    started = []

    class Calls:
        def __init__(self, runs, executor):
            self.runs = runs

        def run(self):
            for run in self.runs:
                if not run.folder.finished:
                    with run.folder.lock():
                        run.folder.plan(run.config)
                    started.append(run)
                    words = list(run.command[run.command.index("compare") + 1 :])
                    compared.run(words[0], Path(words[1].removeprefix("--run=")))
            return 0

    monkeypatch.setattr(compared, "Runner", Calls)
    return started


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "swaps.py"
    path.write_text(TASK)
    return path


def test_a_comparison_continues_and_says_the_same(file, tmp_path, in_process, capsys):
    words = ["compare", str(file), "--arms", "averaged,penalty-mse", "--seeds", "2", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    first = capsys.readouterr().out
    count = len(in_process)
    assert count == 2 * (1 + 2 + 2) + 2 * 4  # trainings of augmented and two arms with two weights; tests of four arms
    assert main(words) == 0
    assert capsys.readouterr().out == first
    assert len(in_process) == count
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    found = Comparison.from_dict(record)
    assert found.verdict in first
    assert found.verdict in (tmp_path / "out" / "comparison.html").read_text().replace("&#39;", "'")
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == found.verdict


def test_some_seeds_choose_weights_for_all(file, tmp_path, in_process, capsys):
    words = ["compare", str(file), "--arms", "penalty-mse", "--seeds", "3", "--out", str(tmp_path / "out")]
    assert main([*words, "--tuning-seeds", "1"]) == 0
    assert len(in_process) == 3 + 2 * (2 + 2) + 3 * 3
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert len(record["trained"]) == 3 + 2 * (2 + 2)
    assert {one["seed"] for one in record["tested"]} == {0, 1, 2}
    assert "(mean over the seed 0)" in (tmp_path / "out" / "comparison.html").read_text()
    assert main(words) == 0  # the same runs, and those that are missing
    assert len(json.loads((tmp_path / "out" / "comparison.json").read_text())["trained"]) == 3 + 2 * 2 * 3
    trainings = [run for run in in_process if run.config["part"] == "train"]
    assert len(trainings) == 3 + 2 * 2 * 3
    for wrong in ("0", "4", "-1"):
        with pytest.raises(SystemExit) as stop:
            main([*words, "--tuning-seeds", wrong])
        assert stop.value.code == 2
        assert "--tuning-seeds is 1 to 3, the number of seeds, got" in capsys.readouterr().err


def test_a_changed_task_begins_again(file, tmp_path, in_process):
    compared.compare_task(str(file), tmp_path / "out", arms=["plain"], seeds=1)
    count = len(in_process)
    file.write_text(TASK.replace("steps=3", "steps=4"))
    compared.compare_task(str(file), tmp_path / "out", arms=["plain"], seeds=1)
    assert len(in_process) == 2 * count


def test_what_a_task_imports_from_its_folder_belongs_to_it(tmp_path):
    files = {
        "task.py": "import beside\nfrom part.inner import x\nimport torch\nimport regrep\n" + TASK,
        "beside.py": "def later():\n    import late\n",
        "late.py": "",
        "other.py": "",
        "part/__init__.py": "",
        "part/inner.py": "from .deep import x\nfrom . import sibling\n",
        "part/deep.py": "x = 1\n",
        "part/sibling.py": "",
        "part/other.py": "",
        "deep.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    digest = lambda: read_task(str(tmp_path / "task.py")).digest  # noqa: E731
    first, changed = digest(), set()
    for name, text in files.items():
        (tmp_path / name).write_text(text + "# changed\n")
        if digest() != first:
            changed.add(name)
        (tmp_path / name).write_text(text)
        assert digest() == first
    assert changed == {name for name in files if "other" not in name and name != "deep.py"}


def test_a_task_in_a_package_may_name_what_lies_beside_it_in_full(tmp_path, monkeypatch):
    """As the ready tasks do; other parts of the package are not looked at, like those of any other."""
    files = {
        "whole_package/__init__.py": "",
        "whole_package/common.py": "",
        "whole_package/tasks/__init__.py": "",
        "whole_package/tasks/beside.py": "",
        "whole_package/tasks/task.py": "from whole_package.tasks import beside\nimport whole_package.common\n" + TASK,
    }
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    digest = lambda: read_task(str(tmp_path / "whole_package/tasks/task.py")).digest  # noqa: E731
    first = digest()
    (tmp_path / "whole_package/common.py").write_text("# changed")
    assert digest() == first
    (tmp_path / "whole_package/tasks/beside.py").write_text("# changed")
    assert digest() != first


def test_the_digest_of_a_file_that_stands_alone_is_that_of_its_text(file):
    assert hashlib.sha256(file.read_bytes()).hexdigest().startswith(read_task(str(file)).digest)


def test_a_finished_run_is_left_alone(file, tmp_path, in_process):
    compared.compare_task(str(file), tmp_path / "out", arms=["plain"], seeds=1)
    path = done_of(tmp_path / "out", "trained")
    before = path.stat().st_mtime_ns
    compared.run(str(file), path.parent)
    assert path.stat().st_mtime_ns == before


def test_more_seeds_and_arms_keep_what_is_there(file, tmp_path, in_process):
    compared.compare_task(str(file), tmp_path / "out", arms=["plain"], seeds=1)
    count = len(in_process)
    compared.compare_task(str(file), tmp_path / "out", arms=["plain"], seeds=2)
    assert len(in_process) == 2 * count


def test_a_run_is_what_one_in_this_process_is(file, tmp_path, in_process):
    from regrep.comparison import compare

    _, there = compared.compare_task(str(file), tmp_path / "out", arms=["penalty-whitened", "averaged"], seeds=2)
    here = compare(read_task(str(file)).task, ["penalty-whitened", "averaged"], seeds=2)
    seconds = {"step_seconds", "inference_seconds"}
    for one, other in zip(there.table(), here.table(), strict=True):
        assert {k: v for k, v in one.items() if k not in seconds} == {
            k: v for k, v in other.items() if k not in seconds
        }
    assert there.verdict == here.verdict


def test_runs_on_an_accelerator_are_runs_of_their_own(file, monkeypatch):
    """Another kind of device is another run of the folder; another card of that kind is the same one."""
    started = []

    class Planned:
        def __init__(self, runs, executor):
            self.runs = runs

        def run(self):
            started.append(
                [(run.folder.path.name, run.command[run.command.index("--device") + 1]) for run in self.runs]
            )
            return 1

    monkeypatch.setattr(compared, "Runner", Planned)
    module = sys.modules["regrep.comparison.plan"]
    monkeypatch.setattr(module, "check_present", lambda device: None)
    monkeypatch.setattr(module, "try_out", lambda *args: None)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *args: self)
    for device in (None, "cpu", "cuda", "cuda:1"):
        compared.compare_task(str(file), file.parent / "out", arms=["plain"], seeds=1, device=device)
    none, cpu, cuda, other = ([name for name, _ in runs] for runs in started)
    assert none == cpu
    assert cuda == other
    assert not set(cpu) & set(cuda)
    assert [{device for _, device in runs} for runs in started] == [{"cpu"}, {"cpu"}, {"cuda"}, {"cuda:1"}]


def test_jobs_of_a_cluster_are_planned_without_its_accelerator(file, monkeypatch):
    started = []
    monkeypatch.setattr(compared, "_start", lambda runs, *args: started.extend(runs) or 1)
    code, _ = compared.compare_task(str(file), file.parent / "out", arms=["plain"], seeds=1, device="cuda", slurm={})
    assert code == 1
    assert {run.command[-2:] for run in started} == {("--device", "cuda")}


def test_folders_may_begin_with_a_dash(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started, given = [], []
    monkeypatch.setattr(compared, "_start", lambda runs, *args: started.extend(runs) or 1)
    monkeypatch.setattr(compared, "run", lambda source, folder, *rest: given.append(folder) or 0)
    compared.compare_task(str(file), Path("-1"), arms=["plain"], seeds=1)
    command = list(started[0].command)
    assert main(command[command.index("compare") :]) == 0
    assert given == [started[0].folder.path]


def test_a_run_on_another_device_is_refused(file, tmp_path, in_process):
    out = tmp_path / "out"
    compared.compare_task(str(file), out, arms=["plain"], seeds=1)
    path = done_of(out, "trained")
    path.unlink()
    with pytest.raises(RegrepError, match="is one on cpu, got the device cuda; start the comparison again"):
        compared.run(str(file), path.parent, device="cuda")
    assert json.loads((path.parent / "run.json").read_text())["device"] == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a card is there")
def test_an_absent_device_ends_in_one_sentence_before_any_run(file, tmp_path, capsys):
    out = tmp_path / "out"
    for device, said in (("cuda", "there is no device cuda here ("), ("gpu", "a device is named cpu, cuda, cuda:1 or")):
        assert main(["compare", str(file), "--out", str(out), "--device", device]) == 1
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["FILE", "--arms", "plain,averaged", "--seeds", "1"],
        ["FILE", "--arms", "plain", "averaged", "--seeds", "1"],
        ["FILE", "--seeds", "1", "--arms", "plain,", "averaged"],
        ["--seeds", "1", "--arms", "plain", "averaged", "FILE"],
        ["--arms", "plain,averaged", "FILE", "--seeds", "1"],
    ],
)
def test_arms_are_named_with_commas_or_spaces(file, tmp_path, monkeypatch, words):
    asked = []
    monkeypatch.setattr(
        compared, "compare_task", lambda source, out, **options: asked.append((source, options)) or (1, None)
    )
    assert main(["compare", *(str(file) if word == "FILE" else word for word in words), "--device", "cpu"]) == 1
    ((source, options),) = asked
    assert (source, options["arms"], options["seeds"], options["device"]) == (
        str(file),
        ["plain", "averaged"],
        1,
        "cpu",
    )


def test_an_interrupted_comparison_goes_on(file, tmp_path, in_process, monkeypatch):
    """Interrupted inside a training, when its weights are there but not its record."""
    ordinary, left = compared.write_atomic, iter(range(3))

    def interrupted(path, data):
        ordinary(path, data)
        if next(left, None) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(compared, "write_atomic", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compared.compare_task(str(file), tmp_path / "out", arms=["plain"], seeds=2)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("runs/*/done.json")}
    assert len(before) == 2
    compared.compare_task(str(file), tmp_path / "out", arms=["plain"], seeds=2)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert len(in_process) == 3 + 2 + 4  # two trainings of three begun were done; the other two, and the tests


@pytest.mark.slow
def test_a_killed_comparison_goes_on(file, tmp_path):
    """Killed for good in the middle, with its workers; the second start finishes what is left."""
    out = tmp_path / "out"
    words = [sys.executable, "-P", "-m", "regrep_paper", "compare", str(file)]
    words += ["--arms", "averaged,penalty-mse", "--seeds", "2", "--out", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and not list(out.glob("runs/*/done.json")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/done.json")}
    assert before
    assert not (out / "comparison.json").exists()
    end = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200)
    assert end.returncode == 0, end.stderr
    assert "were already finished" in end.stdout or "1 of" in end.stdout
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert len(Comparison.from_dict(json.loads((out / "comparison.json").read_text())).trained) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "swaps.py defines no task; end it with task = regrep.Task"),
        ("import regrep_nothing", "swaps.py imports regrep_nothing, which is not installed"),
        ("x = (", "swaps.py, line 1: SyntaxError"),
        ("x = 1\ny = x / 0", "swaps.py, line 2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(0)", "swaps.py, line 1: SystemExit: 0"),
        ("class E(Exception):\n    __str__ = None\nraise E", "swaps.py, line 3: E: no message"),
        ("def task():\n    return 1", "the function task of swaps.py failed with TypeError"),
        ("def task(folder):\n    return 1 / 0", "the function task of swaps.py failed with ZeroDivisionError"),
        (TASK.replace("\ntask =", "\nmine ="), "swaps.py calls its task mine; call it task"),
        (TASK.replace("nn.Linear(4, 8)", "nn.Linear(5, 8)"), "the model on the training inputs failed"),
        (TASK.replace("steps=3", "steps='3'"), "steps of a task is an integer"),
    ],
)
def test_mistakes_in_a_task_end_in_one_sentence(file, tmp_path, capsys, text, said):
    file.write_text(text)
    assert main(["compare", str(file), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digts"], "there is no task digts; name a file TASK.py or a ready task: did you mean digits?"),
        (["none.py"], "none.py cannot be read"),
        (["FILE", "--arms", "plain,averagd"], "there is no arm 'averagd'; did you mean averaged?"),
        (["FILE", "--data-dir", "x"], "swaps.py reads no files from a folder; leave out --data-dir"),
    ],
)
def test_mistakes_on_the_command_line_end_in_one_sentence(file, tmp_path, capsys, words, said):
    assert (
        main(["compare", *(str(file) if word == "FILE" else word for word in words), "--out", str(tmp_path / "o")]) == 1
    )
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_task_may_import_what_lies_beside_it_and_read_a_folder(file, tmp_path):
    (tmp_path / "beside_a_task.py").write_text("STEPS = 7")
    body = TASK.replace("steps=3", "steps=STEPS").replace("\ntask = ", "\nmade = ")
    file.write_text(
        f"from beside_a_task import STEPS\n{body}\ndef task(data_dir):\n    assert data_dir\n    return made\n"
    )
    assert read_task(str(file), tmp_path).task.steps == 7


def test_the_demo_compares_each_form_with_its_controls(tmp_path, monkeypatch):
    asked = {}

    def instead(source, out, **options):
        asked.update(options, task=source, out=out)
        return 1, None

    monkeypatch.setattr(compared, "compare_task", instead)
    assert main(["demo", "--out", str(tmp_path), "--jobs", "3", "--quiet"]) == 1
    assert (asked["task"], asked["out"], asked["jobs"], asked["seeds"]) == ("demo", tmp_path, 3, 3)
    arms = {arm.name for arm in compared.plan(read_task("demo").task, asked["arms"], 1).arms}
    assert {"augmented", "penalty-mse", "penalty-whitened", "consistency", "averaged"} <= arms
    assert {"mse-permuted", "permuted", "shuffled", "latent-augmentation", "same-view"} <= arms


def test_names_are_escaped_on_the_page():
    evil = "<script>alert(1)</script>"
    found = comparison(
        {"augmented": [[1, 0, 1], [1, 0, 0]], "plain": [[0, 0, 1], [1, 0, 0]]},
        name=evil,
        left_out={"permuted": evil},
        place=evil,
    )
    page = comparison_page(found)
    assert page.count("<script") == page.count("<script>\n// Sorting of tables") == 1
    assert page.count("&lt;script&gt;") >= 3
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_drawing_puts_larger_gains_further_right():
    found = comparison({"plain": [[0, 0, 0, 1]] * 2, "augmented": [[0, 1, 0, 1]] * 2, "averaged": [[1, 1, 1, 1]] * 2})
    drawn = drawing_of(found)
    left, right = (line["at"] for line in drawn["lines"])
    assert left < drawn["zero"] < right
    assert [tick for tick, _ in drawn["ticks"]] == sorted(tick for tick, _ in drawn["ticks"])


def test_places_in_the_drawing_are_in_proportion_to_gains():
    """Between the least and the largest end, with room for names at the left; without any spread all stand left."""
    found = comparison({"plain": [[0, 0, 0, 1]] * 2, "augmented": [[0, 1, 0, 1]] * 2, "averaged": [[1, 1, 1, 1]] * 2})
    drawn = drawing_of(found)
    lines = [line for line in found.table() if line["gain"] is not None]
    ends = [0.0] + [line[key] for line in lines for key in ("gain", "low", "high") if line[key] is not None]
    low, high = min(ends), max(ends)
    for line, one in zip(lines, drawn["lines"], strict=True):
        for name, key in (("at", "gain"), ("low", "low"), ("high", "high")):
            value = line["gain"] if line[key] is None else line[key]
            assert one[name] == pytest.approx(220 + 530 * (value - low) / (high - low), abs=0.1)
    assert drawn["zero"] == pytest.approx(220 + 530 * (0 - low) / (high - low), abs=0.1)
    still = drawing_of(comparison({"plain": [[0, 1]] * 2, "augmented": [[0, 1]] * 2, "averaged": [[0, 1]] * 2}))
    assert {line[key] for line in still["lines"] for key in ("at", "low", "high")} == {still["zero"]} == {220.0}


def test_the_page_draws_the_weights_that_follow_a_target():
    """A weight that grows tenfold goes up by one step of the scale, and the end of the training is at the right."""
    made = [
        trained("augmented", None, 0, 0.5, steps=80),
        trained("penalty-target", None, 0, 0.5, steps=80, course=(0.1, 1.0, 10.0)),
        trained("penalty-target", None, 1, 0.5, steps=80, course=(0.2,) * 40),
        trained("consistency-target", None, 0, 0.5, steps=80, course=(0.3, 0.3)),
    ]
    plain = comparison({"augmented": [[1, 0]], "averaged": [[1, 1]]})
    found = Comparison("c", "accuracy", True, (0,), tuple(made), plain.tested)
    drawn = courses_of(found)
    first, second = drawn["panels"]
    assert (first["name"], second["name"], first["steps"]) == ("penalty-target", "consistency-target", 80)
    one, other = ([tuple(map(float, point.split(","))) for point in line["points"].split()] for line in first["lines"])
    ticks = {text: y for y, text in first["ticks"]}
    assert [y for _, y in one] == [ticks["0.1"], ticks["1"], ticks["10"]]
    assert drawn["bottom"] == ticks["0.1"] > ticks["1"] > ticks["10"] == drawn["top"]
    assert {y for _, y in other} == {other[0][1]}
    assert ticks["1"] < other[0][1] < ticks["0.1"]
    assert other[0][0] == first["left"]
    assert other[-1][0] == pytest.approx(first["left"] + (first["right"] - first["left"]) * 78 / 80, abs=0.1)
    assert first["right"] < second["left"] < second["right"] < drawn["width"]
    assert followed_of(found)[0] == ["penalty-target", "0", "0.1", "1", "10"]
    page = comparison_page(found)
    assert page.count("<polyline") == 3
    assert "seed 1: 0.2 at the end" in page
    assert courses_of(plain) is None
    assert "follow a target" not in comparison_page(plain)


def done_of(out, part):
    return next(path for path in sorted(out.glob("runs/*/done.json")) if part in json.loads(path.read_text()))


@pytest.mark.parametrize("name", ["trained", "tested"])
def test_damaged_records_end_in_one_sentence(file, tmp_path, in_process, name):
    out = tmp_path / "out"
    compared.compare_task(str(file), out, arms=["plain"], seeds=1)
    path = done_of(out, name)
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, name: {**record[name], "arm": "os.system"}}))
    with pytest.raises(RegrepError, match="a record belongs to an arm, got 'os.system'"):
        compared.compare_task(str(file), out, arms=["plain"], seeds=1)
    path.write_text(json.dumps({**record, name: None}))
    with pytest.raises(RegrepError, match=f"holds no {name} network"):
        compared.compare_task(str(file), out, arms=["plain"], seeds=1)


def test_weights_that_would_run_code_are_refused(file, tmp_path, in_process):
    """A pickle in place of the tensors: torch loads tensors alone, and the code does not run."""
    out, marker = tmp_path / "out", tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (Path.touch, (marker,))

    compared.compare_task(str(file), out, arms=["plain"], seeds=1)
    test = done_of(out, "tested")
    test.unlink()
    for weights in out.glob("runs/*/weights.pt"):
        torch.save({"head.bias": Evil()}, weights)
    with pytest.raises(RegrepError, match="holds more than tensors, and is not loaded"):
        compared.compare_task(str(file), out, arms=["plain"], seeds=1)
    assert not marker.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": "ddmnist"},
        {"method": "mine"},
        {"seed": "0"},
        {"weight": "1"},
        {"part": "rm"},
        {"digest": "other"},
    ],
)
def test_only_known_settings_are_taken_from_a_run_folder(file, tmp_path, in_process, change):
    out = tmp_path / "out"
    compared.compare_task(str(file), out, arms=["plain"], seeds=1)
    path = done_of(out, "trained")
    path.unlink()
    record = json.loads((path.parent / "run.json").read_text())
    record["config"].update(change)
    (path.parent / "run.json").write_text(json.dumps(record))
    with pytest.raises(RegrepError, match="holds no run of a comparison|are not those of a run|is not the task of"):
        compared.run(str(file), path.parent)
    assert RunFolder(path.parent).done is None
