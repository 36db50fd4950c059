"""Why a layout is proposed: the sentence and the representation of every branch, with singular and plural numbers."""

import pytest
import torch
from torch import nn

import regrep
from regrep.actions import Permute, Rotate3d, RotateFlip2d, TreeAction
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, octahedral, symmetric
from regrep.objectives import OUTPUT
from regrep.representations import Tokens, latent, layouts

C4, D4, S3 = cyclic(4), dihedral(4), symmetric(3)
TURN = RotateFlip2d(C4)
SWAPPED = Permute(S3, regrep.natural(S3).index, dim=-2)
FIRST = Permute(S3, regrep.natural(S3).index)


class Gives(nn.Module):
    """Returns a latent of this shape, whatever the samples are."""

    def __init__(self, *shape, dtype=torch.float32):
        super().__init__()
        self.shape, self.dtype = shape, dtype

    def forward(self, x):
        return torch.zeros(2, *self.shape, dtype=self.dtype)


def square(side, channels=1):
    return torch.zeros(2, channels, side, side)


IMAGES = square(8)
PIXELS = "the group moves the 6 x 6 pixels as it moves the input's"
FEW = "channels are too few for one copy of the regular representation, which has 4"


@pytest.mark.parametrize(
    ("shape", "act", "x", "layout", "rho", "reason"),
    [
        ((4,), TURN, IMAGES, "vector", latent(C4, 4), "4 coordinates hold 1 copy of the regular representation"),
        (
            (9,), C4, IMAGES, "vector", latent(C4, 9),
            "9 coordinates hold 2 copies of the regular representation, and the other 1 stays fixed",
        ),
        (
            (10,), TURN, IMAGES, "vector", latent(C4, 10),
            "10 coordinates hold 2 copies of the regular representation, and the other 2 stay fixed",
        ),
        (
            (4, 6, 6), TURN, IMAGES, "both", layouts.both(TURN.pixels(6), (4, 6, 6)),
            f"{PIXELS}, and 4 channels hold 1 copy of the regular representation",
        ),
        (
            (3, 6, 6), TURN, IMAGES, "grid", layouts.grid(TURN.pixels(6), (3, 6, 6)),
            f"{PIXELS}, and 3 {FEW}",
        ),
        (
            (8, 6, 6), C4, IMAGES, "channels", layouts.channels(C4, (8, 6, 6)),
            "8 channels hold 2 copies of the regular representation, and the group moves no pixels of this map",
        ),
        (
            (8, 6, 5), TURN, IMAGES, "channels", layouts.channels(C4, (8, 6, 5)),
            "8 channels hold 2 copies of the regular representation, and the group moves no pixels of this map",
        ),
        (
            (8, 6, 6), TURN, torch.zeros(2, 1, 8, 9), "channels", layouts.channels(C4, (8, 6, 6)),
            "8 channels hold 2 copies of the regular representation, and the group moves no pixels of this map",
        ),
        (
            (8, 1, 1), TURN, IMAGES, "channels", layouts.channels(C4, (8, 1, 1)),
            "8 channels hold 2 copies of the regular representation, and the map has a single pixel",
        ),
        (
            (8, 4, 4, 4), TURN, IMAGES, "channels", layouts.channels(C4, (8, 4, 4, 4)),
            "8 channels hold 2 copies of the regular representation, and the group moves no pixels of this map",
        ),
        (
            (3, 2, 2, 2), Rotate3d(octahedral()), torch.zeros(2, 1, 4, 4, 4), "grid",
            layouts.grid(Rotate3d(octahedral()).pixels(2), (3, 2, 2, 2)),
            "the group moves the 2 x 2 x 2 pixels as it moves the input's, and 3 channels are too few for one copy of"
            " the regular representation, which has 24",
        ),
        (
            (16, 8), TURN, IMAGES, "tokens", layouts.tokens(TURN, (16, 8)),
            "the group moves the 4 x 4 patches as it moves the image, and 8 channels hold 2 copies of the regular"
            " representation",
        ),
        (
            (17, 3), TURN, IMAGES, "tokens", layouts.tokens(TURN, (17, 3), copies=0),
            f"the group moves the 4 x 4 patches as it moves the image, after 1 token that stays, and 3 {FEW}",
        ),
        (
            (18, 4), TURN, IMAGES, "tokens", layouts.tokens(TURN, (18, 4)),
            "the group moves the 4 x 4 patches as it moves the image, after 2 tokens that stay, and 4 channels hold 1"
            " copy of the regular representation",
        ),
        (
            (7, 4), C4, IMAGES, "tokens", latent(C4, 4),
            "4 channels hold 1 copy of the regular representation, the same at each of the 7 tokens, which stay in"
            " place",
        ),
        (
            (3, 12), SWAPPED, torch.zeros(2, 3, 4), "tokens", Tokens(SWAPPED.representation, latent(S3, 12)),
            "the group moves the 3 tokens as it moves the input's entries, and 12 channels hold 2 copies of the regular"
            " representation",
        ),
        (
            (3, 5), FIRST, torch.zeros(2, 3), "tokens", Tokens(FIRST.representation, layouts.trivial(S3, 5)),
            "the group moves the 3 tokens as it moves the input's entries, and 5 channels are too few for one copy of"
            " the regular representation, which has 6",
        ),
        (
            (4, 6), SWAPPED, torch.zeros(2, 3, 4), "tokens", latent(S3, 6),
            "6 channels hold 1 copy of the regular representation, the same at each of the 4 tokens, which stay in"
            " place",
        ),
        (
            (3, 6), Permute(S3, regrep.natural(S3).index, dim=-1), torch.zeros(2, 4, 3), "tokens", latent(S3, 6),
            "6 channels hold 1 copy of the regular representation, the same at each of the 3 tokens, which stay in"
            " place",
        ),
    ],
)  # fmt: skip
def test_a_layout_and_its_reason(shape, act, x, layout, rho, reason):
    found = regrep.suggest_latent(Gives(*shape), OUTPUT, x, act)
    assert (found.layer, found.shape, found.layout, found.reason) == (OUTPUT, shape, layout, reason)
    assert repr(found.rho) == repr(rho)
    z = torch.randn(rho.group.order, *shape)
    g = torch.arange(rho.group.order)
    assert torch.equal(found.rho(z, g), rho(z, g))
    listed = ", ".join(map(str, shape))
    assert repr(found) == (
        f"layer '<output>', latent [B, {listed}]: {layout}\nrho = {rho!r}, invariant_dim {rho.invariant_dim}\nbecause"
        f" {reason}"
    )


def test_what_interpolates_or_moves_a_tree_moves_no_pixels():
    assert regrep.suggest_latent(Gives(6, 4, 4), OUTPUT, IMAGES, RotateFlip2d(cyclic(6))).layout == "channels"
    tree = TreeAction((TURN, None))
    assert regrep.suggest_latent(Gives(6, 4, 4), OUTPUT, (IMAGES, IMAGES), tree).layout == "channels"
    assert regrep.suggest_latent(Gives(1, 4), OUTPUT, IMAGES, TURN).rho.shape == (4,)  # a single patch


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Gives(3), "no layout fits layer '<output>': 3 channels cannot hold one copy of the regular representation of"),
        (Gives(), "with 1 to 4 dimensions after the batch, but layer '<output>' returns float32 [2]; choose another"),
        (Gives(4, 1, 1, 1, 1), "but layer '<output>' returns float32 [2, 4, 1, 1, 1, 1]; choose another layer"),
        (Gives(4, dtype=torch.int64), "but layer '<output>' returns int64 [2, 4]; choose another layer"),
    ],
)
def test_what_no_layout_fits(given, said):
    with pytest.raises(RegrepError) as error:
        regrep.suggest_latent(given, OUTPUT, IMAGES, TURN)
    assert said in str(error.value)
