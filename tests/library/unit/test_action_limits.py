"""Where actions end: dimensions that are the batch, labels beyond the classes, values that a type cannot hold."""

from contextlib import nullcontext

import pytest
import torch

import regrep
from regrep.actions import (
    Boxes2d,
    Draws,
    Fix,
    FunctionAction,
    KeyPoints,
    Labels,
    OnDims,
    PairIndex,
    Permute,
    Points2d,
    Pullback,
    Rotate3d,
    RotateFlip2d,
    SideBySide,
    SignedPermute,
    TensorField3d,
    check_law,
    sample,
)
from regrep.actions.images import plane_matrices
from regrep.actions.rotation import pulled, rotate
from regrep.actions.strides import parts
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, octahedral, symmetric
from tolerance import assert_near

C2, D4 = cyclic(2), dihedral(4)
SWAP = torch.tensor([[0, 1], [1, 0]])
ONE, BOTH = torch.tensor([1]), torch.tensor([0, 1])

ALONG = {
    "Permute": lambda dim: Permute(C2, SWAP, dim=dim),
    "SignedPermute": lambda dim: SignedPermute(C2, SWAP, torch.tensor([[1, 1], [-1, -1]]), dim=dim),
    "OnDims": lambda dim: OnDims(regrep.regular(C2), dim),
    "PairIndex": lambda dim: PairIndex(regrep.regular(C2), (dim, 1 if dim != 1 else 2)),
}


@pytest.mark.parametrize("along", ALONG.values(), ids=ALONG)
def test_no_number_of_a_dimension_means_the_batch(along):
    """Of data [2, 2, 2], where every size fits: -3 is the batch, and 3 and -4 are none."""
    x = torch.arange(8.0).reshape(2, 2, 2)
    for dim in (-3, 3, -4, 4):
        with pytest.raises(RegrepError, match=r"dimensions? |beside the batch"):
            along(dim)(x, BOTH)
    for dim in (-1, 2):
        assert torch.equal(along(dim)(x, BOTH)[0], x[0])
        assert not torch.equal(along(dim)(x, BOTH)[1], x[1])
    assert torch.equal(along(2)(x, BOTH), along(-1)(x, BOTH))


def test_pairs_have_two_different_dimensions_of_their_size():
    rho = regrep.regular(C2)
    for dims in ((1, 2, 3), (1,)):
        with pytest.raises(RegrepError, match="pairs have two dimensions, got"):
            PairIndex(rho, dims)
    with pytest.raises(RegrepError, match=r"pairs of 2 entries along dimensions \(1, 2\), got \[1, 2, 3\]"):
        PairIndex(rho)(torch.zeros(1, 2, 3), ONE)
    with pytest.raises(RegrepError, match=r"dimensions \(1, -1\) beside the batch, got shape \[1, 2\]"):
        PairIndex(rho, (1, -1))(torch.zeros(1, 2), ONE)
    with pytest.raises(RegrepError, match="one representation of the entries"):
        PairIndex(regrep.representations.layouts.channels(C2, (2, 1, 1)))


def test_dimensions_of_actions_are_named_in_errors():
    act = OnDims(RotateFlip2d(D4), (1, 2))
    with pytest.raises(
        RegrepError, match=r"on dimensions \(1, 2\) as the last ones: RotateFlip2d needs square .* 3 x 4"
    ):
        act(torch.zeros(1, 3, 4, 2), ONE)
    assert repr(act) == "OnDims(RotateFlip2d(D4), (1, 2))"
    for dims in ((), (1, 1), (0,), (1, 0), 1.0, "1", None, (1, 2.0)):
        with pytest.raises(RegrepError, match="dims are the numbers of distinct dimensions, 0 being the batch"):
            OnDims(RotateFlip2d(D4), dims)


def test_labels_end_with_the_classes():
    """255 is the last label of a byte: with 256 classes all fit, with 257 not."""
    g = torch.zeros(1, dtype=torch.int64)
    for classes in (255, 256):
        assert Labels(regrep.trivial(C2, classes))(torch.tensor([254], dtype=torch.uint8), g).tolist() == [254]
    with pytest.raises(RegrepError, match="a label goes up to 256, but uint8 up to 255"):
        Labels(regrep.trivial(C2, 257))(torch.tensor([0], dtype=torch.uint8), g)
    three = Labels(regrep.trivial(C2, 3))
    assert three(torch.tensor([[0, 2]]), g).tolist() == [[0, 2]]
    with pytest.raises(RegrepError, match="from 0 to 2, got 1 to 3; pass ignored="):
        three(torch.tensor([[1, 3]]), g)
    with pytest.raises(RegrepError, match="from 0 to 2, got -1 to 2; pass ignored="):
        three(torch.tensor([[2, -1]]), g)
    some = Labels(regrep.regular(cyclic(3)), ignored=-1)
    assert some(torch.tensor([[2, -1], [-1, -1]]), BOTH).tolist() == [[2, -1], [-1, -1]]
    assert some(torch.tensor([[2, -1], [-1, 0]]), torch.tensor([1, 2])).tolist() == [[0, -1], [-1, 2]]
    with pytest.raises(RegrepError, match="from 0 to 2, got 0 to 3"):
        some(torch.tensor([[3, -1], [-1, 0]]), BOTH)
    for labels in (torch.tensor([True]), torch.tensor([1j]), torch.tensor([1.0])):
        with pytest.raises(RegrepError, match="labels are integers, got"):
            three(labels, g)


@pytest.mark.parametrize("n", [4, 8, 12, 20])
def test_quarter_turns_are_exact_among_finer_ones(n):
    matrices, quarter = plane_matrices(dihedral(n)), n // 4
    for k, (cos, sin) in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        assert matrices[k * quarter].tolist() == [[cos, -sin], [sin, cos]]
        assert matrices[n + k * quarter].tolist() == [[-cos, -sin], [-sin, cos]]
    angle = torch.tensor(2 * torch.pi / n, dtype=torch.float64)
    assert_near(matrices[1, 1, 0], angle.sin())


@pytest.mark.parametrize(
    ("outside", "dtype"), [(255, torch.uint8), (-128, torch.int8), (1, torch.bool), (3.0, torch.int64)]
)
def test_values_that_a_type_holds_come_from_outside(outside, dtype):
    act = RotateFlip2d(cyclic(8), interpolation="nearest", outside=outside)
    moved = act(torch.zeros(1, 5, 5).to(dtype), ONE)
    assert moved.unique().tolist() == sorted([0, outside])
    assert bool(moved[0, 0, 0] == outside)
    assert bool(moved[0, 2, 2] == 0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8])
def test_values_just_beyond_a_type_do_not(dtype):
    limits = torch.iinfo(dtype)
    for outside in (limits.min - 1, limits.max + 1, 0.5):
        with pytest.raises(RegrepError, match=f"value {outside}, which {str(dtype)[6:]} cannot hold"):
            RotateFlip2d(cyclic(8), interpolation="nearest", outside=outside)(torch.zeros(1, 5, 5).to(dtype), ONE)
    act = RotateFlip2d(cyclic(8), interpolation="nearest", outside=0.5)
    assert act(torch.zeros(1, 5, 5, dtype=torch.complex64), ONE)[0, 0, 0] == 0.5


def test_a_lattice_may_be_a_point():
    for size in (1, (1, 1)):
        assert RotateFlip2d(D4).pixels(size).index.tolist() == [[0]] * 8
    for size in (0, (1, 0), (1,), (1, 1, 1), 1.0):
        with pytest.raises(RegrepError, match="a lattice has at least 1 point along a side, got"):
            RotateFlip2d(D4).pixels(size)
    for sizes in ((4,), (4, 4, 4), 4, (4, 4.0)):
        with pytest.raises(RegrepError, match="a lattice has 2 sizes, integers, got"):
            RotateFlip2d(D4).keeping(sizes)


def test_interpolating_actions_say_what_they_move():
    with pytest.raises(RegrepError, match=r"square images \[B, ..., S, S\], got shape \[4, 4\]"):
        RotateFlip2d(cyclic(3))(torch.zeros(4, 4), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(RegrepError, match="between them; only C1, C2, C4, D1, D2 and D4 do$"):
        RotateFlip2d(cyclic(3)).pixels(4)
    with pytest.raises(RegrepError, match="C3 does not permute pixels, but interpolates between them$"):
        Rotate3d(cyclic(3)).keeping((4, 4, 4))


def test_round_trips_are_relative_and_stay_inside():
    """Of integers as of the same floats; a disc of constant values comes back whole."""
    act = RotateFlip2d(cyclic(8), interpolation="nearest")
    x = torch.randint(9, (2, 9, 9), generator=torch.Generator().manual_seed(0))
    errors = act.round_trip_error(x)
    inside = act.inside(x).double()
    for k in range(8):
        g = torch.full((2,), k)
        back = act(act(x.double(), g), (-g) % 8)
        assert float(errors[k]) == pytest.approx(float(((back - x) * inside).norm() / (x * inside).norm()))
    assert torch.equal(act.round_trip_error(x), act.round_trip_error(x.double()))
    assert errors.count_nonzero() == 4
    assert_near(
        RotateFlip2d(cyclic(8)).round_trip_error(100 * x.double()), RotateFlip2d(cyclic(8)).round_trip_error(x.double())
    )


def test_complex_images_take_a_real_value_outside():
    x = torch.zeros(1, 1, 3, 3, dtype=torch.complex64) + 1j
    out = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]])  # twice as far: the corners lie outside
    assert pulled(x, out, "nearest", 5)[0, 0].tolist() == [[5, 5, 5], [5, 1j, 5], [5, 5, 5]]


@pytest.mark.parametrize(
    ("x", "angle"),
    [
        (torch.zeros(3, 3), torch.zeros(3)), (torch.zeros(2, 3, 4), torch.zeros(2)),
        (torch.zeros(2, 3, 3), torch.zeros(3)), (torch.zeros(2, 3, 3), torch.zeros(2, 1)),
    ],
)  # fmt: skip
def test_images_are_rotated_by_one_angle_each(x, angle):
    with pytest.raises(RegrepError, match=r"got float32 \[.*\] and \[.*\] angles"):
        rotate(x, angle)


def test_points_have_coordinates():
    act = Points2d(D4, 4.0)
    assert act.centre == (2.0, 2.0)
    assert Points2d(dihedral(2), (4, 6)).centre == (2.0, 3.0)
    with pytest.raises(
        RegrepError, match=r"points are floats \[B, ..., 2\] with coordinates \(x, y\), got int64 \[1, 2\]"
    ):
        act(torch.zeros(1, 2, dtype=torch.int64), ONE)
    with pytest.raises(RegrepError, match=r"got float32 \[2\]"):
        act(torch.zeros(2), BOTH)
    assert act(torch.ones(1, 2), torch.tensor([2])).tolist() == [[3.0, 3.0]]
    turned = regrep.actions.Points(C2, torch.stack([torch.eye(4), -torch.eye(4)]), centre=1.0)
    assert turned(torch.zeros(1, 4), ONE).tolist() == [[2.0] * 4]
    with pytest.raises(RegrepError, match=r"points are floats \[B, ..., 4\], got"):
        turned(torch.zeros(1, 3), ONE)
    for group in (cyclic(1), cyclic(2), dihedral(1), dihedral(2)):
        Points2d(group, (4, 6))
    for group in (cyclic(3), cyclic(4), dihedral(3), dihedral(4)):
        with pytest.raises(RegrepError, match="turns images that are square"):
            Points2d(group, (4, 6))
        Points2d(group, (6, 6))
    for size in (0.0, -1, (4, 0), (4,), "4"):
        with pytest.raises(RegrepError, match="the side of an image is positive, got"):
            Points2d(cyclic(1), size)


def test_key_points_keep_further_numbers_and_boxes_know_where_they_are_exact():
    act = KeyPoints(Points2d(C2, 4.0), regrep.regular(C2))
    assert act(torch.tensor([[[0.0, 1.0], [3.0, 3.0]]]), ONE).tolist() == [[[1.0, 1.0], [4.0, 3.0]]]
    assert act(torch.tensor([[[0.0, 1.0, 5.0], [3.0, 3.0, 6.0]]]), ONE)[0, :, 2].tolist() == [6.0, 5.0]
    for x in (torch.zeros(1, 2, 1), torch.zeros(1, 3, 2), torch.zeros(2, 2), torch.zeros(1, 2, 2).long()):
        with pytest.raises(RegrepError, match=r"key points are floats \[B, 2, 2 or more\], got"):
            act(x, ONE.expand(len(x)))
    exact = [
        group.name for group in (*map(cyclic, range(1, 9)), *map(dihedral, range(1, 5))) if Boxes2d(group, 1).exact
    ]
    assert exact == ["C1", "C2", "C4", "D1", "D2", "D4"]
    with pytest.raises(RegrepError, match=r"boxes are floats \[B, ..., 4\] with corners .*, got float32 \[4\]"):
        Boxes2d(C2, 1)(torch.zeros(4), torch.zeros(4, dtype=torch.int64))
    turned = Boxes2d(cyclic(8), 2.0)(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), ONE)  # the whole square, by 45 degrees
    assert_near(turned, torch.tensor([[1 - 2**0.5, 1 - 2**0.5, 1 + 2**0.5, 1 + 2**0.5]]))


def test_squares_side_by_side_have_even_sides():
    act = SideBySide(RotateFlip2d(C2), RotateFlip2d(C2))
    for shape in ((1, 4, 8), (1, 6, 6), (4, 4)):
        with pytest.raises(RegrepError, match=r"square canvases \[B, ..., 2a, 2a\] with even a"):
            act(torch.zeros(shape), torch.zeros(shape[0], dtype=torch.int64))
    turned = SideBySide(RotateFlip2d(cyclic(3)), RotateFlip2d(C2))
    assert (act.exact, turned.exact, turned.group.order) == (True, False, 6)


def test_ranks_of_tensor_fields():
    assert [TensorField3d(octahedral(), rank).width for rank in range(5)] == [1, 3, 9, 27, 81]
    for rank in (-1, 5, 1.0, True):
        with pytest.raises(RegrepError, match="the rank of a tensor field is an integer from 0 to 4, got"):
            TensorField3d(octahedral(), rank)
    act = TensorField3d(octahedral(), 1)
    with pytest.raises(RegrepError, match=r"\[B, 3·frames, D, H, W\] with 3 channels per frame, got \[1, 3, 2, 2\]"):
        act(torch.zeros(1, 3, 2, 2), ONE)
    assert act.keeping((2, 2, 3)) == Rotate3d(octahedral()).keeping((2, 2, 3))
    assert torch.equal(act.pixels(2).index, Rotate3d(octahedral()).pixels(2).index)


def test_elements_of_a_pullback_are_listed_for_each_element():
    turn = RotateFlip2d(D4)
    both = Pullback(turn, C2, ["e", "r2"])
    for elements in ("es", 3, None, ["e"], ["e", "r"], ["r2", "e"]):
        with pytest.raises(RegrepError, match="a list of indices or names|multiply as these do, but the"):
            Pullback(turn, C2, elements)
    embedding = regrep.groups.Homomorphism(C2, D4, torch.tensor([0, 2]))
    x = torch.arange(9).reshape(1, 3, 3)
    assert torch.equal(Pullback(turn, embedding)(x, ONE), both(x, ONE))
    for wrong in (regrep.groups.Homomorphism(C2, C2, BOTH), None):
        with pytest.raises(RegrepError, match=r"D4 acts here, .* to D4 is needed, without a list of elements, got"):
            Pullback(turn, embedding if wrong is None else wrong, [0, 2] if wrong is None else None)
    with pytest.raises(RegrepError, match="square images"):
        both(torch.zeros(1, 3, 4), ONE)


@pytest.mark.parametrize(
    ("g", "most", "found"),
    [
        ([2, 2, 2], 3, [(2, "slice(0, 3, 1)")]),
        ([2, 2, 2], 2, [(2, "slice(0, 2, 1)"), (2, "slice(2, 3, 1)")]),
        ([1, 0, 0, 1], 9, [(0, "slice(1, 3, 1)"), (1, "slice(0, 4, 3)")]),
        ([1, 0, 1, 1], 9, [(0, "slice(1, 2, 1)"), (1, "[0 2 3]")]),
        ([], 3, []),
    ],
)
def test_samples_with_one_element_are_taken_together(g, most, found):
    g = torch.tensor(g, dtype=torch.int64).numpy()
    assert [(element, str(samples)) for element, samples in parts(g, most)] == found


def test_laws_are_tried_up_to_rounding():
    """A step of 1e-6 relative to the largest entry is rounding in single precision, and none in double."""
    step = FunctionAction(C2, lambda x, g: x * (1 + 1e-6 * g[:, None].to(x.dtype)))
    check_law(step, torch.tensor([[-100.0, 3.0]]))
    with pytest.raises(RegrepError, match="by r and then by r as by e, but this one of C2 differs by 0.0002$"):
        check_law(step, torch.tensor([[100.0, 3.0]], dtype=torch.float64))
    for shape in ((0, 3), (2, 0)):
        check_law(step, torch.zeros(shape))
    for dtype, most in ((torch.float16, 4e-3), (torch.bfloat16, 2e-2)):  # about the distance of neighbouring numbers
        for share, good in ((most / 4, True), (most, False)):
            shrink = FunctionAction(C2, lambda x, g, share=share: (x.double() * (1 - share * g[:, None])).to(x.dtype))
            with nullcontext() if good else pytest.raises(RegrepError, match="differs by"):
                check_law(shrink, torch.tensor([[100.0, 3.0]], dtype=dtype))
    with pytest.raises(RegrepError, match="the identity moves nothing, but this action of C2 moves by 0.25"):
        check_law(FunctionAction(C2, lambda x, g: x + 0.25), torch.tensor([[1.0, 2.0]]))

    class Named:
        def __call__(self, x, g):
            return x

    assert repr(FunctionAction(C2, Named())) == "FunctionAction(C2, Named)"
    assert (FunctionAction(C2, Named()).exact, FunctionAction(C2, Named(), exact=False).exact) == (True, False)


def test_draws_have_ends():
    step = torch.tensor(0)
    assert len(sample(C2, 0)) == 0
    assert Draws(2**62).at(step).bits(0).shape == (0,)
    for seed in (-1, 2**62 + 1):
        with pytest.raises(RegrepError, match=f"from 0 to {2**62}, got {seed}"):
            Draws(seed)
    with pytest.raises(RegrepError, match="S7 has 5040 elements"):
        Draws(0).at(step).elements(symmetric(7), 3)
    with pytest.raises(RegrepError, match="from 0 to 100000000, got 100000001"):
        sample(C2, 10**8 + 1)
    with pytest.raises(RegrepError, match=r"a step is an int64 scalar tensor, got int64 \[1\]; pass"):
        Draws(0).at(torch.tensor([0]))
    assert (Fix(symmetric(7)).group.order, Fix(C2).exact, regrep.regular(C2).exact) == (5040, True, True)
