"""Strided copies move exactly what the gather moves, in every type, layout and derivative."""

import pytest
import torch

from regrep.actions import Rotate3d, RotateFlip2d, SideBySide, VectorField2d, sample, strides
from regrep.actions.strides import StridedCopies
from regrep.groups import cyclic, dihedral, full_octahedral, octahedral
from tolerance import assert_near

FIELDS = VectorField2d(dihedral(4), "up")
CASES = [
    (RotateFlip2d(dihedral(4)), (5, 5)),
    (RotateFlip2d(cyclic(4)), (2, 3, 4, 4)),
    (Rotate3d(octahedral()), (4, 4, 4)),
    (Rotate3d(full_octahedral()), (2, 3, 3, 3)),
    (VectorField2d(cyclic(4)), (4, 4, 4)),
    (FIELDS, (2, 5, 5)),
    (SideBySide(RotateFlip2d(dihedral(4)), RotateFlip2d(cyclic(4))), (1, 8, 8)),
]
each = pytest.mark.parametrize(("act", "shape"), CASES, ids=[f"{act!r} on {shape}" for act, shape in CASES])
SIGNED = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8]
CUT = {"whole": 2**18, "in pairs": 1}


@pytest.fixture
def use(monkeypatch):
    """Sends every batch one way or the other, and counts the copies."""
    calls = []
    copy = StridedCopies.__call__
    monkeypatch.setattr(StridedCopies, "__call__", lambda *args: calls.append(1) or copy(*args))

    def choose(way):
        monkeypatch.setattr(strides, "FEW_THREADS", 10**6)
        monkeypatch.setattr(strides, "ENTRIES", {"copies": 0, "gather": 10**9}[way])
        return calls

    return choose


def batch(act, shape, dtype=torch.float32, size=None):
    """Every element at least twice, in any order: single samples, pairs and more."""
    n = act.group.order
    generator = torch.Generator().manual_seed(0)
    g = torch.cat([torch.randperm(n, generator=generator), sample(act.group, (size or 3 * n) - n, generator)])
    return torch.randint(-90, 90, (len(g), *shape), generator=generator).to(dtype), g


def both(use, act, x, g):
    copied, gathered = (use(way) is not None and act(x, g) for way in ("copies", "gather"))
    return copied, gathered


@each
@pytest.mark.parametrize("cut", CUT.values(), ids=CUT)
def test_equals_the_gather(use, monkeypatch, act, shape, cut):
    monkeypatch.setattr(strides, "CACHE", cut)
    for dtype in SIGNED if isinstance(act, VectorField2d) else [*SIGNED, torch.uint8, torch.bool]:
        x, g = batch(act, shape, dtype)
        copied, gathered = both(use, act, x, g)
        assert copied.dtype == dtype
        assert copied.is_contiguous()
        assert torch.equal(copied, gathered)
    assert use("gather")


@each
def test_equals_the_gather_for_each_element_alone(use, act, shape):
    x, _ = batch(act, shape)
    for k in range(act.group.order):
        for some in (x, x[:1], x[:0]):
            assert torch.equal(*both(use, act, some, torch.full((len(some),), k)))


@each
def test_reads_any_layout(use, act, shape):
    x, g = batch(act, shape)
    wide = torch.stack([x, -x], dim=-1)[..., 0]
    assert not wide.is_contiguous()
    for y in (x.transpose(-1, -2), x.flip(0)[::2].repeat_interleave(2, dim=0)[: len(x)], wide, x[:1].expand(x.shape)):
        assert torch.equal(*both(use, act, y, g[: len(y)]))
    assert torch.equal(*both(use, act, x, torch.stack([g, g], dim=1)[:, 0]))


@each
def test_does_not_touch_its_input(use, act, shape):
    x, g = batch(act, shape)
    before = x.clone()
    use("copies")
    act(x, g).zero_()
    assert torch.equal(x, before)


@each
def test_derivatives_equal_those_of_the_gather(use, act, shape):
    x, g = batch(act, shape, torch.float64)
    weight = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1))

    def derivatives(way):
        use(way)
        y = x.clone().requires_grad_()
        (first,) = torch.autograd.grad((act(y, g) ** 3 * weight).sum(), y, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), y)
        return first, second

    for copied, gathered in zip(derivatives("copies"), derivatives("gather"), strict=True):
        assert torch.equal(copied, gathered)
    assert not act(x, g).requires_grad
    with torch.no_grad():
        assert not act(x.requires_grad_(), g).requires_grad


@pytest.mark.parametrize(
    ("act", "shape"), [(RotateFlip2d(dihedral(4)), (3, 3)), (FIELDS, (2, 2, 2))], ids=["images", "fields"]
)
def test_numerical_derivatives(use, act, shape):
    use("copies")
    x, g = batch(act, shape, torch.float64, size=8)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: act(x, g), x, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: act(x, g), x)


@each
def test_transforms_take_the_gather(use, act, shape):
    x, g = batch(act, shape)
    many = torch.stack([x, 2 * x])
    calls = use("copies")
    moved = act(x, g)
    calls.clear()
    mapped = torch.func.vmap(lambda x: act(x, g))(many)
    value, tangent = torch.func.jvp(lambda x: act(x, g), (x,), (2 * x,))
    gradient = torch.func.grad(lambda x: (act(x, g) * moved).sum())(x)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.unpack_dual(act(torch.autograd.forward_ad.make_dual(x, 2 * x), g))
    assert not calls
    for actual in (mapped[0], mapped[1] / 2, value, tangent / 2, dual.primal, dual.tangent / 2):
        assert torch.equal(actual, moved)
    assert torch.equal(gradient, x)


@pytest.mark.parametrize(("act", "shape"), CASES[:6])
def test_compiled_code_takes_the_gather(use, act, shape):
    x, g = batch(act, shape)
    calls = use("copies")
    moved = act(x, g)
    calls.clear()
    torch._dynamo.reset()
    assert torch.equal(torch.compile(lambda x, g: act(x, g), fullgraph=True, backend="eager")(x, g), moved)
    assert not calls


def test_complex_and_lazily_negated_data_take_the_gather(use):
    act = RotateFlip2d(dihedral(4))
    x, g = batch(act, (4, 4))
    calls = use("copies")
    z = torch.complex(x, x + 1).conj()
    assert torch.equal(act(z, g).imag, -act(x + 1, g))
    calls.clear()
    assert z.imag.is_neg()
    assert torch.equal(act(z.imag, g), -act(z, g).conj().imag)
    assert not calls


def test_small_batches_and_many_threads_take_the_gather(monkeypatch):
    act = RotateFlip2d(dihedral(4))
    copies = StridedCopies(act.group, act._lattice.matrices)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert copies.suit(torch.zeros(64, 28, 28))
    assert copies.suit(torch.zeros(1, 65, 65))
    assert not copies.suit(torch.zeros(16, 28, 28))
    assert not copies.suit(torch.zeros(64, 28, 28, device="meta"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert not copies.suit(torch.zeros(64, 28, 28))


def test_a_wrong_copy_is_noticed(use):
    """The comparison with the gather tells inverse elements and missing signs."""
    act = Rotate3d(octahedral())
    x, g = batch(act, (4, 4, 4))
    use("gather")
    assert torch.equal(StridedCopies(act.group, act.matrices)(x, g), act(x, g))
    assert not torch.equal(StridedCopies(act.group, act.matrices.transpose(1, 2))(x, g), act(x, g))
    x, g = batch(FIELDS, (2, 5, 5))
    unsigned = StridedCopies(FIELDS.group, FIELDS._entries.matrices)(x[:, None], g)[:, 0]
    assert not torch.equal(unsigned, FIELDS(x, g))
    assert_near(unsigned.abs(), FIELDS(x, g).abs())
