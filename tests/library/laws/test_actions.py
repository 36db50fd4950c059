"""Every action is a left action, exactly, for all pairs of elements; golden pictures fix the conventions."""

import pytest
import torch

import regrep
from regrep.actions import (
    Action,
    Fix,
    LatticeAction,
    Permute,
    Rotate3d,
    RotateFlip2d,
    SideBySide,
    VectorField2d,
    rotate,
    sample,
)
from regrep.actions.images import on_axes, plane_matrices
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, full_octahedral, octahedral, rotation_matrices, symmetric
from regrep.representations import layouts
from tolerance import assert_near

PLANE = [cyclic(1), cyclic(2), cyclic(4), dihedral(1), dihedral(2), dihedral(4)]
S3 = symmetric(3)

CASES = [
    *((RotateFlip2d(group), (size, size)) for group in PLANE for size in (4, 5)),
    *((RotateFlip2d(group), (2, 3, 4, 4)) for group in PLANE),
    *((VectorField2d(group, rows), (4, 4, 4)) for group in PLANE for rows in ("down", "up")),
    *((Rotate3d(octahedral()), shape) for shape in ((3, 3, 3), (2, 4, 4, 4))),
    (Rotate3d(full_octahedral()), (3, 3, 3)),
    (SideBySide(RotateFlip2d(dihedral(4)), RotateFlip2d(cyclic(4))), (1, 8, 8)),
    (SideBySide(RotateFlip2d(dihedral(1)), RotateFlip2d(dihedral(1))), (8, 8)),
    (Permute(S3, S3.points[S3.inverse]), (3,)),
    (Permute(S3, S3.points[S3.inverse], dim=2), (2, 3, 4)),
    (Permute(S3, S3.points[S3.inverse], dim=-1), (2, 3)),
    (Fix(S3), (2,)),
]
IDS = [f"{action!r} on {shape}" for action, shape in CASES]
each = pytest.mark.parametrize(("act", "shape"), CASES, ids=IDS)


def distinct(shape, dtype=torch.int64):
    """Entries that differ pairwise, signs included."""
    count = int(torch.tensor(shape).prod())
    return torch.arange(1, count + 1).reshape(1, *shape).to(dtype)


def assert_action(act: Action, x: torch.Tensor) -> None:
    group = act.group
    n = group.order
    every = x.expand(n, *x.shape[1:])
    g = torch.arange(n)
    assert torch.equal(act(x, torch.tensor([0])), x)
    moved = act(every, g)
    for h in range(n):
        twice = act(moved[h : h + 1].expand(n, *x.shape[1:]), g)  # first h, then every g
        assert torch.equal(twice, moved[group.mul[:, h]]), group.names[h]


@each
def test_left_action_on_integers(act, shape):
    assert_action(act, distinct(shape))


@each
def test_one_element_per_sample(act, shape):
    n = act.group.order
    x = torch.randn(2 * n, *shape, generator=torch.Generator().manual_seed(0))
    g = torch.randperm(2 * n, generator=torch.Generator().manual_seed(1)) % n
    singly = torch.cat([act(x[k : k + 1], g[k : k + 1]) for k in range(2 * n)])
    assert torch.equal(act(x, g), singly)


@each
def test_keeps_the_dtype(act, shape):
    signed = [torch.int32, torch.float16, torch.bfloat16, torch.float64]
    for dtype in signed if isinstance(act, VectorField2d) else [torch.uint8, torch.bool, *signed]:
        x = distinct(shape, dtype)
        moved = act(x, torch.tensor([act.group.order - 1]))
        assert moved.dtype == dtype
        if dtype != torch.bool:
            assert torch.equal(moved.long().abs(), act(x.long(), torch.tensor([act.group.order - 1])).abs())


@each
def test_compiles_to_the_same(act, shape):
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    g = torch.tensor([0, act.group.order - 1, 0])
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, g: act(x, g), fullgraph=True, backend="eager")
    assert torch.equal(compiled(x, g), act(x, g))


def test_golden_pictures():
    x = torch.tensor([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])
    turned = [[3, 6, 9], [2, 5, 8], [1, 4, 7]]  # counter-clockwise: the top row becomes the left column
    mirrored = [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    for group in (cyclic(4), dihedral(4)):
        assert RotateFlip2d(group)(x, torch.tensor([1]))[0].tolist() == turned
        assert torch.equal(RotateFlip2d(group)(x, torch.tensor([1])), torch.rot90(x, 1, (-2, -1)))
    for group in (dihedral(1), dihedral(2), dihedral(4)):
        assert RotateFlip2d(group)(x, torch.tensor([group.index("s")]))[0].tolist() == mirrored
    rs = torch.tensor([dihedral(4).index("rs")])  # first the mirror, then the turn
    assert RotateFlip2d(dihedral(4))(x, rs)[0].tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]


def test_golden_vectors():
    """A field that points to the right, with a mark in the upper right corner as displayed."""
    for rows, top in (("down", 0), ("up", 2)):
        field = torch.zeros(1, 2, 3, 3, dtype=torch.int64)
        field[0, 0, top, 2] = 1
        moved = VectorField2d(cyclic(4), rows)(field, torch.tensor([1]))
        expected = torch.zeros_like(field)
        expected[0, 1, top, 0] = 1  # now upper left, pointing up
        assert torch.equal(moved, expected)
        mirrored = VectorField2d(dihedral(4), rows)(field, torch.tensor([4]))
        expected = torch.zeros_like(field)
        expected[0, 0, top, 0] = -1
        assert torch.equal(mirrored, expected)


def test_golden_volume():
    """The turn that takes x to y moves a mark at the +x face to the +y face; x is the last axis, y the one before."""
    group = octahedral()
    volume = torch.zeros(1, 3, 3, 3)
    volume[0, 1, 1, 2] = 1
    for name in group.names:
        if name.startswith("y"):
            assert Rotate3d(group)(volume, torch.tensor([group.index(name)]))[0, 1, 2, 1] == 1, name


@pytest.mark.parametrize("rows", ["down", "up"])
def test_lengths_of_vectors_move_as_the_field_does(rows):
    group = dihedral(4)
    act, other = (VectorField2d(group, way) for way in (rows, "up" if rows == "down" else "down"))
    field, g = distinct((8 * 2, 4, 4)).double().reshape(8, 2, 4, 4), torch.arange(8)
    lengths = act(field, g).square().sum(dim=1).flatten(1)
    before = field.square().sum(dim=1).flatten(1)
    assert torch.equal(act.pixels(4)(before, g), lengths)
    assert not torch.equal(other.pixels(4)(before, g), lengths)


@pytest.mark.parametrize("rows", ["down", "up"])
def test_gradients_turn_as_vectors(rows):
    """g (grad φ) = grad (g φ), by central differences inside the image."""
    group = dihedral(4)
    phi = torch.randn(8, 1, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def gradient(phi):
        along_rows = (phi[:, :, 2:, 1:-1] - phi[:, :, :-2, 1:-1]) / 2
        along_columns = (phi[:, :, 1:-1, 2:] - phi[:, :, 1:-1, :-2]) / 2
        return torch.cat([along_columns, along_rows if rows == "up" else -along_rows], dim=1)

    scalar = LatticeAction(group, on_axes(plane_matrices(group), rows), "square images")
    g = torch.arange(8)
    moved = VectorField2d(group, rows)(gradient(phi), g)
    assert_near(moved, gradient(scalar(phi, g)))
    other = VectorField2d(group, "up" if rows == "down" else "down")(gradient(phi), g)
    assert (other - moved).abs().max() > 0.1  # the wrong direction of rows is noticed


def test_the_law_suite_rejects_wrong_actions():
    class Inverted(RotateFlip2d):
        def apply(self, x, g):
            return super().apply(x, self.group.inverse[g])

    with pytest.raises(AssertionError):
        assert_action(Inverted(dihedral(4)), distinct((4, 4)))
    assert_action(Inverted(cyclic(4)), distinct((4, 4)))  # on an abelian group only the golden picture can tell

    class Unsigned(VectorField2d):
        def apply(self, x, g):
            return super().apply(x, g).abs()

    with pytest.raises(AssertionError):
        assert_action(Unsigned(cyclic(4)), distinct((2, 4, 4)) - 16)


@pytest.mark.parametrize("group", [cyclic(3), cyclic(6), dihedral(3), cyclic(8)], ids=lambda g: g.name)
def test_interpolated_actions_nearly_obey_the_law(group):
    act = RotateFlip2d(group)
    assert not act.exact
    axis = torch.linspace(-1, 1, 33)
    smooth = torch.exp(-8 * ((axis[:, None] - 0.1) ** 2 + 2 * (axis[None] + 0.15) ** 2))[None]
    n = group.order
    moved = act(smooth.expand(n, 33, 33), torch.arange(n))
    for h in range(n):
        twice = act(moved[h : h + 1].expand(n, 33, 33), torch.arange(n))
        assert (twice - moved[group.mul[:, h]]).abs().max() < 0.05
    error = act.round_trip_error(smooth)
    assert error[0] < 1e-6
    assert 1e-5 < error[1:].max() < 0.05
    assert RotateFlip2d(dihedral(4)).round_trip_error(smooth).max() == 0
    with pytest.raises(RegrepError, match="does not permute pixels"):
        act.pixels(4)


def test_reported_beside_a_model_error():
    act = RotateFlip2d(cyclic(3))
    x = torch.rand(4, 9, 9, generator=torch.Generator().manual_seed(0))
    error = regrep.equivariance_error(lambda x: x.flatten(1)[:, :3], x, act, regrep.regular(cyclic(3)))
    assert_near(error.round_trip, act.round_trip_error(x))
    assert "and back" in str(error)


def test_rotate_agrees_with_quarter_turns():
    x = torch.randn(3, 2, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for k, degrees in enumerate((0.0, 90.0, 180.0, -90.0)):
        assert_near(rotate(x, torch.full((3,), degrees).double()), torch.rot90(x, k, (-2, -1)))
    there_and_back = rotate(rotate(x, torch.full((3,), 30.0)), torch.full((3,), -30.0))
    assert (there_and_back - x).abs().max() > 0.1  # interpolation leaves its mark


def test_sampling_is_uniform_and_reproducible():
    group = dihedral(4)
    draw = sample(group, 80_000, torch.Generator().manual_seed(0))
    counts = torch.bincount(draw, minlength=8)
    assert (counts - 10_000).abs().max() < 5 * (80_000 * 7 / 64) ** 0.5  # 5 sigma, seed 0
    assert torch.equal(draw, sample(group, 80_000, torch.Generator().manual_seed(0)))
    with pytest.raises(RegrepError, match="from 0 to 100000000, got -1"):
        sample(group, -1)


LAYOUTS = [
    layouts.grid(RotateFlip2d(dihedral(4)).pixels(4), (3, 4, 4)),
    layouts.grid(RotateFlip2d(cyclic(4)).pixels(3), (2, 3, 3)),
    layouts.channels(dihedral(4), (10, 2, 2)),
    layouts.both(RotateFlip2d(cyclic(4)).pixels(4), (9, 4, 4)),
]


@pytest.mark.parametrize("rho", LAYOUTS, ids=repr)
def test_layouts_are_permutations_of_the_map(rho):
    group, n = rho.group, rho.group.order
    z = distinct(rho.shape).expand(n, *rho.shape)
    moved = rho(z, torch.arange(n))
    for h in range(n):
        assert torch.equal(rho(moved[h : h + 1].expand(z.shape), torch.arange(n)), moved[group.mul[:, h]])
    assert torch.equal(moved.flatten(1).double(), torch.einsum("gij,gj->gi", rho.stack(), z.flatten(1).double()))
    assert_near(rho.character, torch.einsum("gii->g", rho.stack()))
    assert rho.invariant_dim == int(torch.linalg.matrix_rank(rho.stack().mean(dim=0), tol=1e-8))


def test_grid_on_even_sizes_is_a_multiple_of_the_regular_representation():
    group = cyclic(4)
    even = layouts.grid(RotateFlip2d(group).pixels(6), (2, 6, 6))
    assert even.multiplicities() == (18 * regrep.regular(group)).multiplicities()
    odd = layouts.grid(RotateFlip2d(group).pixels(3), (2, 3, 3))
    assert odd.multiplicities() == (4 * regrep.regular(group) + regrep.trivial(group, 2)).multiplicities()


IMAGES = torch.zeros(2, 4, 4)
G01 = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: RotateFlip2d(cyclic(4))(torch.zeros(2, 28, 32), G01),
            "needs square images .*, got 28 x 32; crop or pad",
        ),
        (lambda: RotateFlip2d(cyclic(4))(torch.zeros(2, 4), G01), r"got shape \[2, 4\]"),
        (lambda: RotateFlip2d(cyclic(4))(IMAGES, G01 + 3), "index from 0 to 3, got 4"),
        (lambda: RotateFlip2d(cyclic(4))(IMAGES, G01 - 1), "index from 0 to 3, got -1"),
        (lambda: RotateFlip2d(cyclic(4))(IMAGES, G01[:1]), "one group element per sample is needed, got 1"),
        (lambda: RotateFlip2d(cyclic(4))(IMAGES, G01.int()), "int64 tensor"),
        (lambda: RotateFlip2d(S3), r"cyclic\(n\) or dihedral\(n\), got S3"),
        (lambda: RotateFlip2d(cyclic(3))(IMAGES.long(), G01), "needs floating point, got int64"),
        (lambda: Rotate3d(S3), "not those of S3; pass matrices="),
        (lambda: Rotate3d(cyclic(2), torch.ones(2, 3, 3)), "signed permutation matrices, one for each"),
        (
            lambda: Rotate3d(cyclic(2), torch.from_numpy(rotation_matrices()[[0, octahedral().index("yzx")]])),
            "do not multiply as the elements of C2",
        ),
        (
            lambda: Rotate3d(octahedral())(torch.zeros(2, 3, 4, 4), G01),
            "needs cubic volumes .* got 3 x 4 x 4",
        ),
        (lambda: VectorField2d(cyclic(4))(torch.zeros(2, 3, 4, 4), G01), r"fields \[B, 2·frames, H, H\]"),
        (lambda: VectorField2d(cyclic(4))(torch.zeros(2, 2, 4, 4).byte(), G01), "uint8 has none of"),
        (lambda: VectorField2d(cyclic(4), rows="left"), "got 'left'"),
        (lambda: VectorField2d(cyclic(3)), "C1, C2, C4, D1, D2 and D4, got C3"),
        (
            lambda: SideBySide(RotateFlip2d(cyclic(4)), RotateFlip2d(cyclic(4)))(torch.zeros(2, 6, 6), G01),
            "got 6 x 6; pad",
        ),
        (
            lambda: Permute(S3, S3.points[S3.inverse])(torch.zeros(2, 4), G01),
            "moves 3 entries along dimension 1",
        ),
        (lambda: Permute(S3, S3.points[S3.inverse], dim=0), "dimension 0 is the batch"),
        (lambda: Permute(S3, S3.points), "no representation of S3"),
        (lambda: rotate(IMAGES.long(), torch.zeros(2)), "rotate needs floating-point square images"),
        (
            lambda: layouts.grid(RotateFlip2d(cyclic(4)).pixels(4), (2, 4, 5)),
            "4 x 5 are 20, but the group moves 16",
        ),
        (lambda: layouts.channels(dihedral(4), (6, 2, 2)), "at least .* = 8 .* got 6"),
        (
            lambda: LAYOUTS[0](torch.zeros(2, 3, 4, 5), G01),
            r"acts on tensors \[B, ..., 3, 4, 4\], got \[2, 3, 4, 5\]",
        ),
    ],
)
def test_wrong_input_says_so(call, message):
    with pytest.raises(RegrepError, match=message):
        call()
