"""Layouts for the tokens of vision transformers, and layouts proposed from the shape of a latent."""

import pytest
import torch
from torch import nn

import regrep
from regrep.errors import RegrepError
from regrep.objectives import OUTPUT, whitened_error
from regrep.objectives.whitening import channels_last
from regrep.representations import layouts

D4 = regrep.groups.dihedral(4)
ACT = regrep.actions.RotateFlip2d(D4)


class SmallViT(nn.Module):
    """A vision transformer: class token, patches, no places unless asked for; its last layer is ``blocks``."""

    def __init__(self, width=16, side=4, patch=2, places=False):
        super().__init__()
        self.embed = nn.Conv2d(1, width, patch, stride=patch)
        self.first = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, side * side + 1, width)) if places else None
        self.blocks = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0, batch_first=True), 2, enable_nested_tensor=False
        )
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        z = torch.cat([self.first.expand(len(x), -1, -1), self.embed(x).flatten(2).mT], dim=1)
        z = self.blocks(z if self.places is None else z + self.places)
        return self.head(z[:, 0])


@pytest.fixture
def vit():
    """Equivariant by construction: patches are averaged alike, and attention knows no places."""
    torch.manual_seed(0)
    model = SmallViT()
    with torch.no_grad():
        model.embed.weight.copy_(model.embed.weight.mean(dim=(2, 3), keepdim=True).expand_as(model.embed.weight))
    return model


def test_tokens_of_an_equivariant_transformer_move_as_their_patches(vit):
    rho, x = layouts.tokens(ACT, (17, 16), copies=0), torch.randn(64, 1, 8, 8)
    assert rho.shape == (17, 16)
    assert regrep.equivariance_error(vit, x, ACT, rho, layer="blocks").mean_error < 1e-5
    assert regrep.equivariance_error(vit, x, ACT, rho, layer="blocks").mean_whitened_error < 1e-4


def test_a_wrong_reading_of_the_tokens_has_an_error(vit):
    """The class token taken for the last one."""
    rho, x = layouts.tokens(ACT, (17, 16), copies=0), torch.randn(64, 1, 8, 8)
    late = lambda z, g: rho(z.roll(1, 1), g).roll(-1, 1)  # noqa: E731
    assert regrep.equivariance_error(vit, x, ACT, late, layer="blocks").mean_error > 0.1


def test_places_break_the_symmetry():
    torch.manual_seed(0)
    rho, x = layouts.tokens(ACT, (17, 16), copies=0), torch.randn(64, 1, 8, 8)
    assert regrep.equivariance_error(SmallViT(places=True), x, ACT, rho, layer="blocks").mean_error > 0.1


def test_tokens_are_prefix_grid_and_width():
    rho = layouts.tokens(ACT, (6, 8), prefix=2)
    z = torch.arange(48.0).reshape(1, 6, 8)
    moved = rho(z, torch.tensor([1]))
    width = regrep.latent(D4, 8)
    turned = ACT(z[:, 2:].mT.reshape(1, 8, 2, 2), torch.tensor([1])).flatten(2).mT
    expected = width(torch.cat([z[:, :2], turned], dim=1), torch.tensor([1]))
    assert torch.equal(moved, expected)


@pytest.mark.parametrize(
    ("count", "prefix", "read"),
    [
        (197, None, (14, 1)),
        (198, None, (14, 2)),
        (201, None, (14, 5)),
        (196, 0, (14, 0)),
        (29, 13, (4, 13)),
        (1, 0, (1, 0)),
    ],
)
def test_side_and_prefix_are_read_from_the_number_of_tokens(count, prefix, read):
    assert layouts.patches(ACT, count, prefix) == read


def test_patches_of_volumes_form_a_cube():
    act = regrep.actions.Rotate3d(regrep.groups.octahedral())
    assert layouts.patches(act, 28) == (3, 1)
    assert layouts.tokens(act, (28, 24)).shape == (28, 24)


@pytest.mark.parametrize(("count", "prefix"), [(190, None), (197, 0), (4, 5), (0, None)])
def test_patches_that_form_no_grid_are_refused(count, prefix):
    with pytest.raises(RegrepError, match="square grid, but .* tokens hold none"):
        layouts.tokens(ACT, (count, 16), prefix)


def test_the_channels_of_tokens_are_whitened():
    rho = layouts.tokens(ACT, (5, 8))
    z = torch.randn(40, 5, 8)
    assert torch.equal(channels_last(z, rho), z.flatten(0, 1))
    g = torch.arange(40) % 8
    stretched = z * torch.tensor([100.0] + [1.0] * 7)
    unrelated = torch.randn(40, 5, 8) * torch.tensor([100.0] + [1.0] * 7)
    assert whitened_error(stretched, unrelated, g, regrep.representations.layouts.tokens(ACT, (5, 8), copies=0)) > 0.8


def test_an_objective_takes_tokens_by_layer():
    torch.manual_seed(0)
    model, x, y = SmallViT(places=True), torch.randn(16, 1, 8, 8), torch.randint(3, (16,))
    rho = layouts.tokens(ACT, (17, 16))
    objective = regrep.EquivariantObjective(
        model, None, nn.functional.cross_entropy, ACT, {"blocks": rho}, penalty="whitened"
    )
    objective(x, y).total.backward()
    assert model.places.grad.abs().max() > 0


def suggested(model, x, act, layer=OUTPUT):
    return regrep.suggest_latent(model, layer, x, act)


IMAGES = torch.randn(2, 1, 8, 8)


@pytest.mark.parametrize(
    ("model", "act", "layout", "shape", "invariant"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 20)), ACT, "vector", (20,), 6),
        (nn.Conv2d(1, 8, 3), ACT, "both", (8, 6, 6), 36),
        (nn.Conv2d(1, 3, 3), ACT, "grid", (3, 6, 6), 18),
        (nn.Conv2d(1, 3, 4), ACT, "grid", (3, 5, 5), 18),
        (nn.Conv2d(1, 10, 3), D4, "channels", (10, 6, 6), 108),
        (nn.Conv2d(1, 10, (3, 5)), ACT, "channels", (10, 6, 4), 72),
        (nn.Conv2d(1, 10, 8), ACT, "channels", (10, 1, 1), 3),
        (nn.Conv2d(1, 10, 3), regrep.actions.RotateFlip2d(regrep.groups.cyclic(8)), "channels", (10, 6, 6), 108),
    ],
)
def test_the_shape_of_a_latent_decides_its_layout(model, act, layout, shape, invariant):
    found = suggested(model, IMAGES, act)
    assert (found.layout, found.shape, found.invariant_dim) == (layout, shape, invariant)
    assert found.rho(model(IMAGES).detach(), torch.tensor([1, 3])).shape == (2, *shape)


def test_tokens_are_proposed_for_transformers():
    found = suggested(SmallViT(), IMAGES, ACT, "blocks")
    assert (found.layout, found.rho.shape) == ("tokens", (17, 16))
    assert "4 x 4 patches as it moves the image, after 1 token that stays, and 16 channels hold 2 copies" in repr(found)
    assert suggested(SmallViT(), IMAGES, D4, "blocks").rho.shape == (16,)


def test_narrow_tokens_keep_their_channels():
    found = suggested(nn.Sequential(nn.Conv2d(1, 4, 2, stride=2), nn.Flatten(2), Transposed()), IMAGES, ACT)
    assert (found.layout, found.rho.shape) == ("tokens", (16, 4))
    assert "4 channels are too few" in found.reason


class Transposed(nn.Module):
    def forward(self, x):
        return x.mT


def test_entries_that_the_group_permutes_are_tokens():
    S3 = regrep.groups.symmetric(3)
    act = regrep.actions.Permute(S3, regrep.natural(S3).index, dim=-2)
    found = suggested(nn.Linear(4, 12), torch.randn(5, 3, 4), act)
    assert found.rho.shape == (3, 12)
    assert "3 tokens as it moves the input's entries" in found.reason


def test_a_volume_moves_its_points():
    act = regrep.actions.Rotate3d(regrep.groups.octahedral())
    assert suggested(nn.Conv3d(1, 2, 2), torch.randn(2, 1, 4, 4, 4), act).layout == "grid"


@pytest.mark.parametrize(
    ("model", "act", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), ACT, "5 channels cannot hold one copy .* of D4, which has 8"),
        (nn.Conv2d(1, 5, 3), D4, "5 channels cannot hold"),
        (nn.Sequential(nn.Conv2d(1, 4, 2, stride=2), nn.Flatten(2), Transposed()), D4, "4 channels cannot hold"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)), ACT, "a float tensor with 1 to 4 dimensions"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(128, 8)), ACT, "one row per input"),
    ],
)
def test_where_nothing_fits_one_sentence_says_so(model, act, said):
    with pytest.raises(RegrepError, match=said):
        suggested(model, IMAGES, act)


def test_a_square_map_of_oblong_images_keeps_its_pixels():
    assert suggested(nn.Conv2d(1, 8, (1, 5)), torch.randn(2, 1, 8, 12), ACT).layout == "channels"


def test_a_suggestion_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    suggested(model, IMAGES, ACT)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
