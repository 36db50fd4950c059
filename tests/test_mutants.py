"""The tool behind `make mutants`: its changes compile and differ, and are tried on the tests that call what changed."""

import ast
import importlib.util
import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    found = {}
    for name in ("changes", "mutants"):
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
    out.close()
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
        ("operator", "(out + x)"),
        ("operands swapped", "(x - out)"),
        ("branches swapped", "([-x, True] if x else out - x)"),
        ("sign dropped", "(x)"),
        ("constant", "False"),
        ("constant", "3"),
        ("value returned", "return None"),
    }
    assert not any("<=" in text and "LIMIT" in text for _, text in made), "a limit is no border"


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
    assert {change.function for change in found} == {None, 4}, "decorators belong to the function"


def test_the_tests_of_a_change_are_those_that_call_it(tools):
    known = {
        "tests/a.py::slow": {"seconds": 9.0, "calls": ["src/m.py:4"]},
        "tests/a.py::fast": {"seconds": 1.0, "calls": ["src/m.py:4", "src/m.py:9"]},
        "tests/a.py::other": {"seconds": 2.0, "calls": []},
        "tests/b.py::file": {"seconds": 1.0, "calls": ["src/m.py:9"]},
        "tests/b.py::long": {"seconds": 1e3, "calls": ["src/m.py:4"]},
        "tests/c.py::none": {"seconds": 0.1, "calls": ["src/n.py:4"]},
        "src/m.py::m.f": {"seconds": 3.0, "calls": ["src/m.py:4"]},
    }
    callers = tools.mutants.callers_of(known)
    (change,) = (c for c in tools.changes.changes(SOURCE) if c.text == "(out + x)")
    mutant = tools.mutants.with_tests("src/m.py", change, known, callers)
    assert mutant.calling == ("src/m.py::m.f", "tests/a.py::fast", "tests/a.py::slow")
    assert mutant.others == ("tests/b.py::file", "tests/a.py::other")
    assert mutant.seconds == 16.0
    outside = next(c for c in tools.changes.changes(SOURCE) if c.function is None)
    assert set(tools.mutants.with_tests("src/m.py", outside, known, callers).calling) == {
        "src/m.py::m.f", "tests/a.py::fast", "tests/a.py::slow", "tests/b.py::file",
    }  # fmt: skip


def test_known_equivalents_exist_and_have_reasons():
    for entry in json.loads((ROOT / "tools" / "equivalents.json").read_text(encoding="utf-8")):
        assert set(entry) == {"file", "from", "to", "why"}
        source = " ".join((ROOT / entry["file"]).read_text(encoding="utf-8").split())
        assert entry["from"] in source, entry
        assert len(entry["why"]) > 10
