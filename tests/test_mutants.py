"""The tool behind `make mutants`: its changes compile and differ, and are tried on the tests that call what changed."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    found = {}
    for name in ("changes", "attempts", "mutants"):
        spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return Namespace(**found)


SOURCE = b'''
LIMIT = 1e-3

@cache
def f(x, inverse, mul, *, keep: int = 2):
    """Return 1 + 1."""
    if not x < LIMIT and keep > 2:
        raise ValueError(f"{x + 1} \xc3\xa9")
    total = x.sum(dim=1) @ mul.T
    total += mul[x, inverse[keep]]
    with torch.no_grad():
        out = torch.einsum("gij,gkl->gikj", total.detach(), mul)
    root = math.sqrt(x)
    out.close(color=RED if x > 1 else BLUE)
    return out - x if x else [-x, True]
'''


def test_each_kind_of_slip_is_made(tools):
    made = {(change.kind, change.text) for change in tools.changes.changes(SOURCE)}
    assert made >= {
        ("comparison", "(x > LIMIT)"),
        ("comparison", "(keep >= 2)"),
        ("comparison", "(keep < 2)"),
        ("not dropped", "(x < LIMIT)"),
        ("and for or", "((not x < LIMIT) or (keep > 2))"),
        ("statement deleted", "pass"),
        ("keyword dropped", "x.sum()"),
        ("axis", "x.sum(dim=0)"),
        ("transpose dropped", "mul"),
        ("operands swapped", "(mul.T @ x.sum(dim=1))"),
        ("indices swapped", "mul[inverse[keep], x]"),
        ("look-up dropped", "(keep)"),
        ("operator", "total -= mul[x, inverse[keep]]"),
        ("name", "torch.enable_grad"),
        ("axis", "torch.einsum('gij,gkl->gijk', total.detach(), mul)"),
        ("arguments swapped", "torch.einsum('gij,gkl->gikj', mul, total.detach())"),
        ("call dropped", "total"),
        ("call dropped", "x"),
        ("operator", "(out + x)"),
        ("operands swapped", "(x - out)"),
        ("branches swapped", "([-x, True] if x else out - x)"),
        ("sign dropped", "(x)"),
        ("constant", "False"),
        ("constant", "3"),
        ("value returned", "return None"),
    }
    assert not any("<=" in text and "LIMIT" in text for _, text in made), "a limit is no border"
    assert not any("RED" in text or text == "out.close()" for _, text in made), "looks stay"


def test_types_and_assertions_stay(tools):
    source = b"Rule = Callable[[str], None]\nPart = int | None\nSIZES = {1: 2}[KEY, 3]\nf(a, strict=True, keep=True)"
    assert {(change.line, change.kind) for change in tools.changes.changes(source)} == {
        (3, "constant"), (3, "indices swapped"),
    }  # fmt: skip
    found = tools.changes.changes(b"def g():\n    return f(strict=True, keep=True)\nSize = Literal[1, 2]")
    assert {change.text for change in found} == {
        "return None", "f(strict=True)", "False", "2", "3", "Literal[2, 1]",
    }  # fmt: skip
    found = tools.changes.changes(b"def g():\n    return max(a, b), f(a, b)")
    assert {change.text for change in found} == {"return None", "min", "f(b, a)"}  # the order of max says nothing


def test_lengths_on_paper_stay(tools):
    source = b'''SIDE, GAP = 1.5, 2
"""Of a panel, in inches."""
MOST = 3
"""Of panels."""
def f(k):
    place(figure, 0.5 + k * SIDE, 1, clip=True)
    return k + 4'''
    found = {change.text for change in tools.changes.changes(source)}
    assert {"4", "5", "(k - 4)", "(k / SIDE)", "(0.5 - k * SIDE)", "pass", "return None"} <= found
    assert not found & {"2.5", "3", "1.5", "2", "False"}


def test_changes_compile_differ_and_leave_texts_alone(tools):
    found = tools.changes.changes(SOURCE)
    changed = [change.apply(SOURCE) for change in found]
    assert len({ast.dump(ast.parse(source)) for source in (SOURCE, *changed)}) == len(found) + 1
    for source in changed:
        assert b'"""Return 1 + 1."""' in source
        assert b"keep: int" in source
    assert all(
        b"{x + 1} \xc3\xa9" in source for source, change in zip(changed, found, strict=True) if change.text != "pass"
    )
    assert {change.function for change in found} == {None, "f"}


def test_the_tests_of_a_change_are_those_that_call_it(tools):
    known = {
        "tests/a.py::slow": {"seconds": 9.0, "calls": ["src/m.py:f"]},
        "tests/a.py::fast": {"seconds": 1.0, "calls": ["src/m.py:f", "src/m.py:g"]},
        "tests/a.py::other": {"seconds": 2.0, "calls": []},
        "tests/b.py::file": {"seconds": 1.0, "calls": ["src/m.py:g"]},
        "tests/b.py::long": {"seconds": 1e3, "calls": ["src/m.py:f"]},
        "tests/c.py::none": {"seconds": 0.1, "calls": ["src/n.py:f"]},
        "src/m.py::m.f": {"seconds": 3.0, "calls": ["src/m.py:f"]},
    }
    callers = tools.mutants.callers_of(known)
    (change,) = (c for c in tools.changes.changes(SOURCE) if c.text == "(out + x)")
    mutant = tools.mutants.with_tests("src/m.py", change, known, callers)
    assert mutant.attempts == (
        ("tests/a.py::fast",),
        ("src/m.py::m.f", "tests/a.py::slow"),
        ("tests/b.py::file", "tests/a.py::other", "tests/c.py::none"),
    )
    assert mutant.seconds == 16.1
    values = tools.mutants.with_tests("src/values.py", change, known, callers)
    assert [set(tests) for tests in values.attempts] == [
        {name for name in known if "long" not in name and "other" not in name}
    ]
    outside = next(c for c in tools.changes.changes(SOURCE) if c.function is None)
    quick, left = tools.mutants.with_tests("src/m.py", outside, known, callers).attempts[:2]
    assert (set(quick), set(left)) == (
        {"tests/a.py::fast", "tests/b.py::file"},
        {"src/m.py::m.f", "tests/a.py::slow"},
    )
    many = {f"tests/{k}.py::test": {"seconds": 0.1 + k / 100, "calls": ["src/m.py:f"]} for k in range(5)}
    quick, left = tools.mutants.with_tests("src/m.py", change, many, tools.mutants.callers_of(many)).attempts
    assert (quick, left) == (tuple(many)[:3], tuple(many)[3:])


def test_known_equivalents_exist_and_have_reasons():
    for entry in json.loads((ROOT / "tools" / "equivalents.json").read_text(encoding="utf-8")):
        assert set(entry) == {"file", "from", "to", "why"}
        source = " ".join((ROOT / entry["file"]).read_text(encoding="utf-8").split())
        assert entry["from"] in source, entry
        assert len(entry["why"]) > 10


def test_a_sample_is_even_over_folders_and_kinds(tools):
    folders = {"a": {"x": list(range(100)), "y": [100]}, "b": {"x": [200, 201]}, "c": {"z": [300]}}
    sample = tools.mutants.drawn(folders, tools.mutants.random.Random(0))[:8]
    assert [sum(one // 100 == 2 for one in sample), sum(one == 300 for one in sample)] == [2, 1]
    assert 100 in sample[:4], "the second kind of the first folder comes before the second change of the first kind"
    assert len(set(sample)) == 8


@pytest.mark.parametrize(
    ("outcomes", "noticed"),
    [
        ({"a": [0, 0], "b": [0, 0]}, "killed"),  # fails twice, and passes without the change
        ({"a": [0, 1], "b": [1, 1]}, "alive"),  # fails once by chance
        ({"a": [0, 0, 0], "b": [1, 1]}, "alive"),  # fails without the change too
        ({"a": [0, 1], "b": [0, 0, 1]}, "killed"),
        ({"a": [0, 0, 1], "b": [1]}, "killed"),
        ({"a[1]": [0, 1], "a[2]": [0, 0, 1], "b": [1]}, "alive"),  # the other cases of its function are left out too
    ],
)
def test_what_notices_a_change_fails_twice_and_passes_without_it(tools, monkeypatch, tmp_path, outcomes, noticed):
    path = tmp_path / "m.py"
    mutants = tools.mutants
    seen = []

    def tested(tests, limit):
        seen.append(path.read_text())
        for name in tests:
            passes = outcomes[name].pop(0) if outcomes[name] else True
            if not passes:
                return mutants.KILLED, [name]
        return mutants.ALIVE, []

    monkeypatch.setattr(mutants, "tested", tested)
    monkeypatch.setattr(mutants, "_sound", set(), raising=False)
    path.write_text("before")
    assert mutants._noticed(path, b"before", b"after", tuple(outcomes), 1.0) == noticed
    assert seen[:2] == ["after", "after"]
    assert noticed != "killed" or seen[-1] == "before"


def test_a_campaign_in_parts_is_of_one_commit(tools):
    one, other = ({"commit": "a", "parts": [{"folders": {name: 1}}]} for name in "xy")
    assert tools.mutants.joined(one, other) == {"commit": "a", "parts": [*one["parts"], *other["parts"]]}
    for wrong in (one, {**other, "commit": "b"}):
        with pytest.raises(SystemExit, match="of one commit and of other folders"):
            tools.mutants.joined(one, wrong)


def test_tests_are_stopped_by_the_time_of_processors(tmp_path):
    texts = {
        "passes": "def test_one():\n    assert 1",
        "fails": "def test_one():\n    assert 1\ndef test_two():\n    assert 0",
        "broken": "assert 0",
        "endless": "def test_one():\n    while True: pass",
    }
    for name, text in texts.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    names = [(f"test_{name}.py",) for name in texts] + [("test_broken.py", "test_passes.py")]
    program = f"import attempts\nfor some in {names}:\n    print(*attempts.tested(some, 2.0))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines() == [
        "alive []", "killed ['test_fails.py::test_two']", "killed ['test_broken.py']", "too slow []",
        "killed ['test_broken.py']",
    ]  # fmt: skip


def test_functions_have_the_names_that_python_gives_them(tools):
    source = b"def f():\n    def g():\n        return 1 + 1\nclass A:\n    class B:\n        def h(self): return 1 + 1"
    names = [change.function for change in tools.changes.changes(source) if change.kind == "operator"]
    code = compile(source, "m", "exec")
    assert names == ["f.<locals>.g", "A.B.h"]
    assert names[0] == code.co_consts[0].co_consts[1].co_qualname


@pytest.mark.parametrize("option", ["--only", "--without", "--tests"])
def test_places_that_are_not_there_are_told_at_once(tools, monkeypatch, capsys, option):
    monkeypatch.setattr("sys.argv", ["mutants.py", option, "src/regrep/groups/finite.py:80", "src/nowhere"])
    with pytest.raises(SystemExit):
        tools.mutants._options()
    assert "there is no src/nowhere in the repository; name its folders or files" in capsys.readouterr().err
