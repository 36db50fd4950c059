"""Checks of batches, latents and losses, and compiled code switched off: what passes, and in which words what not."""

import warnings
from collections import OrderedDict

import pytest
import torch
from torch import nn

import regrep
from regrep.errors import RegrepError
from regrep.objectives import checks
from regrep.objectives.modules import MANY, current, modules_of, trains
from regrep.objectives.uncompiled import has_compiled, is_compiled, uncompiled
from regrep.representations import layouts

G = regrep.groups.cyclic(4)
RHO = regrep.latent(G, 10)  # two copies and two more: four invariant coordinates
X = torch.zeros(3, 2)


def refused(call, *given):
    with pytest.raises(RegrepError) as error:
        call(*given)
    return str(error.value)


def warned(call, *given):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call(*given)
    return [(one.category, str(one.message)) for one in seen]


def test_room_for_the_outputs():
    assert RHO.invariant_dim == 4
    assert warned(checks.check_capacity, RHO, 4) == []
    ((kind, text),) = warned(checks.check_capacity, RHO, 5)
    assert kind is regrep.CapacityWarning
    assert text.startswith(f"{RHO!r} has 4 invariant coordinates for a head that is linear in elementwise functions of")
    assert "but there are 5 invariant outputs: enforcing" in text
    assert warned(checks.check_capacity, lambda z, g: z, 5) == []


def test_positions_that_stay_in_place():
    ((kind, text),) = warned(checks.check_positions, torch.zeros(2, 3, 5, 10), RHO)
    assert kind is checks.PositionsWarning
    assert text.startswith(
        f"{RHO!r} moves the last dimension of the latent [B, 3, 5, 10] and leaves its 15 positions in place, but"
    )
    assert "layouts.tokens(act, (15, 10)), or, if no position moves, " in text
    assert text.endswith("Tokens(regrep.trivial(G, 15), rho)")
    for z, rho in (
        (torch.zeros(2, 10), RHO),
        (torch.zeros(2, 3, 10), lambda z, g: z),
        (torch.zeros(2, 10, 3), layouts.channels(G, (10, 3))),
    ):
        assert warned(checks.check_positions, z, rho) == []


def test_latents_are_real_and_have_a_row_for_each_input():
    z = torch.zeros(3, 5)
    assert checks.check_latent(z, X) is z
    told = "a latent is a real tensor [3, ...], one row per input, got {}; put the batch first"
    assert refused(checks.check_latent, torch.zeros(4, 5), X) == told.format("float32 [4, 5]")
    assert refused(checks.check_latent, torch.tensor(1.0), X) == told.format("float32 []")
    assert refused(checks.check_latent, z.to(torch.complex64), X) == told.format("complex64 [3, 5]")
    assert refused(checks.check_latent, [z], X) == (
        "a latent is one tensor, got a list; wrap the encoder so that it returns the latent alone"
    )


def test_task_losses_are_scalars():
    loss = torch.tensor(1.0)
    assert checks.check_task(loss) is loss
    assert refused(checks.check_task, 1.0) == "task_loss returns a scalar tensor, got 1.0; compute it with torch"
    assert refused(checks.check_task, torch.ones(1)) == (
        "task_loss returns a scalar, got shape [1]; take its mean over the samples"
    )


def test_batches_have_samples_and_moved_ones_their_elements():
    g, tree = torch.zeros(3, dtype=torch.int64), {"a": torch.zeros(3, 2), "b": (torch.zeros(3), torch.tensor(0.0))}
    assert (
        checks.check_views(X, None, None) == checks.check_views(X, g, X + 1) == checks.check_views(tree, g, tree) == 3
    )
    told = "a batch is a tensor [B, ...] of at least one input, got {}; skip empty batches"
    assert refused(checks.check_views, X[:0], None, None) == told.format("[0, 2]")
    assert refused(checks.check_views, torch.tensor(1.0), None, None) == told.format("[]")
    assert refused(checks.check_views, "x", None, None) == told.format("str")
    assert refused(checks.check_views, {"a": X[:0]}, None, None) == told.format("dict of 1 tensors")
    assert refused(checks.check_views, {"a": torch.tensor(1.0)}, None, None) == told.format("dict of 0 tensors")
    told = (
        "transformed inputs gx need their elements g and have the shape of x [3, 2], got gx of shape {} and {};"
        " pass both or neither"
    )
    assert refused(checks.check_views, X, None, X) == told.format([3, 2], "no g")
    assert refused(checks.check_views, X, g, X[:2]) == told.format([2, 2], "g")
    assert checks.check_unlabelled(X, torch.zeros(7, 2)) == 7
    assert refused(checks.check_unlabelled, X, torch.zeros(3, 4)) == (
        "unlabelled inputs have the shape of x apart from their number, [2] each, got [4]; join inputs of one kind"
    )


def test_choices_and_weights():
    assert refused(checks.check_choice, "control", "no", checks.Control) == (
        'control is "permuted", "shuffled" or "shrunk", got \'no\''
    )
    checks.check_choice("control", "shrunk", checks.Control)
    assert refused(checks.check_choice, "control", ["permuted"], checks.Control).endswith("got ['permuted']")
    checks.check_weight("w", 0)
    for wrong in (-1e-9, float("inf"), "1", None):
        assert refused(checks.check_weight, "w", wrong).startswith("w is a finite number of at least 0, got ")


def test_compiled_code_is_switched_off_until_the_last_user_leaves(monkeypatch):
    seen = []

    class Stance:
        def __init__(self, name):
            seen.append(name)

        def __exit__(self, *args):
            seen.append("back")

    monkeypatch.setattr(torch.compiler, "set_stance", Stance)
    for _ in range(2):
        with uncompiled():
            with pytest.raises(ZeroDivisionError), uncompiled():
                raise ZeroDivisionError
            assert seen == ["force_eager"]
        assert seen == ["force_eager", "back"]
        seen.clear()


def test_layers_inside_compiled_code_are_known():
    def made():
        inner = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
        return nn.Sequential(OrderedDict(a=inner, b=nn.Linear(2, 2)))

    plain, called, wrapped, outer = made(), made(), made(), made()
    called.a.compile(backend="eager")
    wrapped.a = torch.compile(wrapped.a, backend="eager")
    outer.compile(backend="eager")
    names = ("a", "a.0", "b", "c", "b.c.d")
    assert [is_compiled(plain, name) for name in names] == [False] * 5
    assert [is_compiled(called, name) for name in names] == [True, True, False, False, False]
    assert [is_compiled(wrapped, name) for name in names] == [False, True, False, False, False]
    assert [is_compiled(outer, name) for name in names] == [True] * 5
    assert [has_compiled(model) for model in (plain, called, wrapped, outer)] == [False, True, True, True]


def test_modules_behind_functions():
    one, two, three = nn.Linear(2, 2), nn.Linear(2, 2), nn.Tanh()

    def inner(x, given=two):
        return given(x)

    def outer(x, *, last=three):
        return last(inner(x)) + one(x)

    assert set(modules_of(outer)) == {one, two, three}
    assert modules_of(lambda x: [part(x) for part in (one, two)]) == [one, two]
    assert modules_of(torch.tanh) == modules_of(3) == modules_of(nn.Linear) == []
    assert modules_of([one] * 3 + [two]) == [one, two]
    many = [one] * MANY
    assert modules_of(lambda x: many[0](x)) == [one]
    many.append(one)
    assert modules_of(lambda x: many[0](x)) == []
    deep = one
    for _ in range(4):
        deep = [deep]
    assert modules_of(deep) == [one]
    assert modules_of([deep]) == []
    assert trains(lambda x: one(x))
    assert not trains(lambda x: three(x))
    one.requires_grad_(False)
    assert not trains(one)


def test_parts_are_looked_up_by_name():
    model = nn.ModuleDict({"a": nn.Sequential(nn.Linear(2, 2))})
    assert current((model, "a.0")) is model["a"][0]
    for same in (model, None, (model, "a", 1), (3, "a")):
        assert current(same) is same
    assert refused(current, (model, "b")) == "the model has no part 'b'; name one of its attributes"
