"""Odd input of actions: half types, complex numbers, few bits, no values, functions that change what they are given."""

import pytest
import torch

import regrep
from regrep import actions, groups
from regrep.actions.rotation import resample
from regrep.errors import RegrepError

C2, C4, C6, D4, S7 = (groups.parse(name) for name in ("C2", "C4", "C6", "D4", "S7"))


@pytest.mark.parametrize("act", [actions.RotateFlip2d(C6), actions.Rotate3d(groups.point_group("C6v"))])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_interpolation_of_half_types_is_rounded_once(act, dtype):
    shape = (1, 99, 99) if isinstance(act, actions.RotateFlip2d) else (1, 3, 49, 49, 49)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    g = torch.tensor([1])
    torch.testing.assert_close(act(x, g), act(x.float(), g).to(dtype), rtol=0, atol=0)


def test_nearest_points_are_found_in_half_types():
    act = actions.RotateFlip2d(C6, interpolation="nearest")
    x, g = torch.arange(257.0).expand(1, 257, 257), torch.tensor([1])
    assert torch.equal(act(x.half(), g).float(), act(x, g).half().float())


def test_interpolation_is_not_rounded_by_autocast():
    act, x, g = actions.RotateFlip2d(C6), torch.randn(1, 99, 99), torch.tensor([1])
    with torch.autocast("cpu", torch.bfloat16):
        inside = act(x, g)
    assert torch.equal(inside, act(x, g))


def test_outside_does_not_overflow_half_types():
    act = actions.RotateFlip2d(C6, outside=6e4)
    moved = act(torch.full((1, 9, 9), -6e4, dtype=torch.float16), torch.tensor([1]))
    assert moved[0, 4, 4] == -6e4
    assert moved[0, 0, 0] > 0


def test_nearest_keeps_imaginary_parts():
    act, g = actions.RotateFlip2d(C6, interpolation="nearest", outside=2), torch.tensor([1])
    x = torch.randn(1, 5, 5, dtype=torch.complex64)
    moved, still = act(x, g), actions.RotateFlip2d(C6, interpolation="nearest")
    assert torch.equal(moved.real, act(x.real, g))
    assert torch.equal(moved.imag, still(x.imag, g))


@pytest.mark.parametrize(
    ("outside", "dtype"), [(-1, torch.uint8), (0.5, torch.int64), (300, torch.uint8), (2, torch.bool)]
)
def test_what_comes_from_outside_fits_the_type(outside, dtype):
    act = actions.RotateFlip2d(C6, interpolation="nearest", outside=outside)
    with pytest.raises(RegrepError, match="cannot hold"):
        act(torch.ones(1, 5, 5).to(dtype), torch.tensor([1]))


def test_images_and_maps_of_two_types_are_resampled():
    turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=torch.float64)
    x = torch.randn(1, 1, 4, 4)
    torch.testing.assert_close(resample(x, turn), torch.rot90(x, 1, (-2, -1)), atol=1e-6, rtol=0)


def test_actions_on_the_meta_device_have_shapes():
    g = torch.tensor([1, 2])
    act = actions.Points2d(D4, 6)
    assert act(torch.zeros(2, 5, 2, device="meta"), g).shape == (2, 5, 2)
    assert regrep.irreps(D4)[-1](torch.zeros(2, 2, device="meta"), g).device.type == "meta"
    assert regrep.natural(S7)(torch.zeros(2, 7, device="meta"), actions.sample(S7, 2)).shape == (2, 7)


def test_elements_without_values_move_nothing():
    with pytest.raises(RegrepError, match="are on the meta device"):
        actions.RotateFlip2d(D4)(torch.zeros(2, 4, 4), torch.zeros(2, dtype=torch.int64, device="meta"))


def test_no_labels_are_moved():
    labels = actions.Labels(regrep.natural(C4))
    assert labels(torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)).shape == (0, 3)
    assert labels(torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 1])).shape == (2, 0)


def test_labels_do_not_wrap_around():
    many = regrep.regular(groups.cyclic(200))
    with pytest.raises(RegrepError, match="a label goes up to 199, but int8 up to 127"):
        actions.Labels(many)(torch.tensor([5], dtype=torch.int8), torch.tensor([150]))
    kept = actions.Labels(many, ignored=-100)  # as a byte this is 156
    assert kept(torch.tensor([156], dtype=torch.uint8), torch.tensor([1])).tolist() == [157]


@pytest.mark.parametrize("ignored", ["x", 0.5, torch.tensor([1, 2]), True])
def test_what_is_ignored_is_a_label(ignored):
    with pytest.raises(RegrepError, match="ignored is a label"):
        actions.Labels(regrep.natural(C4), ignored=ignored)


def test_no_dimension_is_permuted_twice():
    for dim in ((1, 1), ()):
        with pytest.raises(RegrepError, match="a tuple names several different ones"):
            actions.Permute(D4, regrep.natural(D4), dim=dim)
    act = actions.Permute(D4, regrep.natural(D4), dim=(1, -1))
    assert act(torch.zeros(1, 4, 4), torch.tensor([1])).shape == (1, 4, 4)
    with pytest.raises(RegrepError, match=r"dimensions \(1, -1\) .* are not different ones"):
        act(torch.zeros(1, 4), torch.tensor([1]))


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x, g: x * float("nan"), torch.ones(1, 2)),
        (lambda x, g: x.zero_(), torch.ones(1, 2)),
        (lambda x, g: x if len(g) < 3 else torch.where(g[:, None] == 1, -x, x), torch.tensor([[64]]).to(torch.int8)),
    ],
)
def test_the_law_is_broken(function, x):
    with pytest.raises(RegrepError, match="the identity moves nothing|moves by"):
        actions.check_law(actions.FunctionAction(C2, function), x)


def test_the_law_is_tried_on_numbers_and_tables():
    with pytest.raises(RegrepError, match="finite samples"):
        actions.check_law(actions.Fix(C2), torch.full((1, 2), float("nan")))
    with pytest.raises(RegrepError, match="S7 has 5040 elements"):
        actions.check_law(actions.Fix(S7), torch.ones(1, 2))


@pytest.mark.parametrize(
    "element", [torch.tensor([-1]), torch.tensor([8]), torch.tensor([0.5]), torch.ones(8, dtype=torch.bool)]
)
def test_a_homomorphism_maps_elements_alone(element):
    _, projection = groups.quotient(D4, ["r2"])
    with pytest.raises(RegrepError, match="an element of D4 is an index|are an int64 tensor"):
        projection(element)


def test_a_homomorphism_keeps_its_images():
    images = torch.tensor([0, 1, 0, 1])
    f = groups.Homomorphism(C4, C2, images)
    images[:] = 0
    assert f.kernel == (0, 2)
    assert f("r") == 1
    with pytest.raises(RegrepError, match="the images of a homomorphism are an int64 tensor"):
        groups.Homomorphism(C4, C2, torch.zeros(4, dtype=torch.int64, device="meta"))


def test_elements_of_large_groups_are_checked():
    g, h = actions.sample(S7, 3), actions.sample(S7, 2)
    with pytest.raises(RegrepError, match="got 3 and 2"):
        S7.multiply(g, h)
    product = groups.product(D4, S7)
    swapped = torch.cat([torch.tensor([0, 2, 1, 3]), torch.arange(4, 11)])[None]  # no symmetry of the square
    for wrong in (swapped, torch.arange(11).flip(0)[None]):
        with pytest.raises(RegrepError, match="are those of its factors"):
            product.split(wrong)
    with pytest.raises(RegrepError, match="lists of images"):
        product.split(g)


@pytest.mark.parametrize(
    "part", [torch.tensor([9]), torch.tensor([-1]), torch.tensor([1.0]), torch.tensor([1, 2]), torch.tensor([[1]])]
)
def test_parts_of_elements_are_checked(part):
    with pytest.raises(RegrepError, match="an element of D4|are an int64 tensor|equally many"):
        groups.product(D4, S7).join(part, actions.sample(S7, 1))


def test_a_chain_answers_without_end(monkeypatch):
    from regrep.groups import stabilizer_chain

    group = groups.from_permutations([[1, 2, 3, 4, 5, 6, 0], [1, 0, 2, 3, 4, 5, 6]])
    monkeypatch.setattr(stabilizer_chain, "CHAIN_WORK", group.chain._work + 50)
    for _ in range(9):
        assert group.contains(actions.sample(group, 9)).all()


@pytest.mark.parametrize("steps", ["ab", [[0], [1, 2]], [[0.5] * 7], None])
def test_subgroups_of_large_groups_have_generators(steps):
    with pytest.raises(RegrepError, match="has a list of generators|lists each of 0"):
        regrep.representations.cosets(S7, steps)


def test_what_is_asked_of_actions_is_checked():
    with pytest.raises(RegrepError, match="beside the batch"):
        actions.OnDims(actions.RotateFlip2d(C6), (1, 2)).round_trip_error(torch.zeros(8, 8))
    with pytest.raises(RegrepError, match="an element is a tensor"):
        regrep.natural(S7).matrix({})


def test_matrices_without_values_represent_nothing():
    with pytest.raises(RegrepError, match="is a square array of numbers"):
        regrep.representation_from(C4, {"r": torch.eye(2, device="meta")})


def test_elements_of_large_groups_are_drawn_for_a_number_of_any_kind():
    drawn = [S7.sample(count, torch.Generator().manual_seed(3)) for count in (2, torch.tensor(2), torch.tensor([2]))]
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])
    with pytest.raises(RegrepError, match="the number of elements to draw is an integer"):
        S7.sample(torch.tensor(True))


def test_what_moves_a_latent_is_no_option_of_a_measure():
    x, act = torch.zeros(2, 4, 4), actions.RotateFlip2d(C4)
    for measure in (regrep.diagnostics.equivariance_error, regrep.diagnostics.profile):
        with pytest.raises(RegrepError, match="rho is a module or a function, got None"):
            measure(torch.nn.Flatten(), x, act, None)


def test_outputs_are_no_arrays():
    x, g = torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)
    for outputs in (x.numpy(), {"a": x.numpy()}):
        for pair in ((x, outputs), (outputs, x)):
            with pytest.raises(RegrepError, match=r"outputs are tensors or trees of them, got an array \(2, 3\)"):
                regrep.objectives.output_consistency(*pair, g)


def test_lattices_have_as_many_points_as_a_representation_coordinates():
    for act, size in ((actions.RotateFlip2d(D4), 2897), (actions.VectorField2d(D4), (10**9, 10**9))):
        with pytest.raises(RegrepError, match="a representation of D4 has at most 8388608 coordinates"):
            act.pixels(size)
