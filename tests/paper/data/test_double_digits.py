"""Pairs of digits: labels, canvas, noise and views."""

import pytest
import torch
from batches_fixture import batch_of

from regrep.errors import RegrepError
from regrep_paper.data.double_digits import DEVIATION, MEAN, DoubleDigits, canvas
from regrep_paper.data.resident import Drawn
from tolerance import assert_near


@pytest.fixture(scope="module")
def data():
    module = DoubleDigits(group="D4", train_pairs=3, validation_pairs=2, test_pairs=1)
    module.setup()
    return module


def test_pairs_carry_their_labels(data):
    for split, count in (("train", 3), ("validation", 2), ("test", 1)):
        pairs = data.splits[split]
        assert torch.equal(torch.bincount(pairs.labels), torch.full((100,), count))
        digits = data.digits.labels[split][pairs.index]
        assert torch.equal(10 * digits[:, 0] + digits[:, 1], pairs.labels)


def test_canvas_geometry():
    left, right = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    sheet = canvas(torch.stack([left, right], dim=1)) * DEVIATION + MEAN
    assert_near(sheet[0, 0, 14:42, :28], left[0])
    assert_near(sheet[0, 0, 14:42, 28:], right[0])
    assert sheet[0, 0, :14].abs().max() < 1e-6
    for value in (0.0, 1.0):  # half of MNIST's mean, and the root of its deviation, as in the original code
        shade = canvas(torch.full((1, 2, 2, 2), value))[0, 0, 1, 0]
        assert float(shade) == pytest.approx((value - 0.1307 / 2) / 0.3081**0.5)


def test_upright_views_are_the_digits_themselves(data):
    batch = batch_of(data, data.val_dataloader()[1])
    assert_near(data.views(batch, upright=True).x, canvas(batch.images.float() / 255))
    assert (data.views(batch).x - canvas(batch.images.float() / 255)).abs().max() > 0.5


def test_mirrored_digits_get_no_noise():
    """D1: each digit is the original or its mirror image, exactly."""
    module = DoubleDigits(group="D1", train_pairs=1)
    module.setup()
    batch = batch_of(module)
    x = module.views(batch).x * DEVIATION + MEAN
    for side, columns in enumerate((slice(0, 28), slice(28, 56))):
        digits = batch.images[:, side].float() / 255
        shown = x[:, 0, 14:42, columns]
        plain = (shown - digits).abs().flatten(1).amax(1) < 1e-5
        mirrored = (shown - digits.flip(-1)).abs().flatten(1).amax(1) < 1e-5
        assert (plain | mirrored).all()
        assert plain.any()
        assert mirrored.any()


def test_each_digit_has_an_element_of_its_own():
    """Read off the canvas: every combination of two elements of C4 occurs, about as often as any other."""
    module = DoubleDigits(group="C4", train_pairs=4, batch_size=400)
    module.setup()
    module.noise = False
    batch = batch_of(module)
    x = module.views(batch).x * DEVIATION + MEAN
    elements = []
    for side, columns in enumerate((slice(0, 28), slice(28, 56))):
        digits = batch.images[:, side, None].float() / 255
        turned = torch.stack([module.digit_action(digits, torch.full((400,), k))[:, 0] for k in range(4)])
        distances = (turned - x[:, 0, 14:42, columns]).flatten(2).norm(dim=2)
        assert distances.amin(dim=0).max() < 1e-3
        elements.append(distances.argmin(dim=0))
    counts = torch.bincount(4 * elements[0] + elements[1], minlength=16)
    assert 10 <= counts.min() <= counts.max() <= 40  # 25 of 400 on average
    both = torch.stack(elements, dim=1).flatten()
    assert not torch.equal(both[:400], both[400:])  # nor do pairs share elements


def test_rotation_noise_turns_back_unless_as_published():
    turned = {}
    for published in (False, True):
        module = DoubleDigits(group="C4", train_pairs=1, as_published=published)
        module.setup()
        digits = batch_of(module).images.float() / 255
        noisy = module._noisy(digits, Drawn(batch_of(module)._replace(seed=0)))
        turned[published] = float((noisy - digits).norm() / digits.norm())
    assert 0.02 < turned[False] < 0.35  # interpolation artefacts alone
    assert turned[True] > 0.7


class Quarter:
    """Draws the same number for every digit."""

    def __init__(self, number):
        self.number = number

    def uniform(self, count):
        return torch.full((count,), self.number)


@pytest.mark.parametrize(("number", "turns"), [(0.25, -1), (0.5, 0), (0.75, 1)])
def test_a_drawn_number_is_a_share_of_a_whole_turn(number, turns):
    """As published the digit stays turned; else it is turned back."""
    digits = torch.rand(3, 2, 28, 28, generator=torch.Generator().manual_seed(0))
    noisy = DoubleDigits(group="C4", as_published=True)._noisy(digits, Quarter(number))
    assert_near(noisy, digits.rot90(turns, (-2, -1)))
    assert_near(DoubleDigits(group="C4")._noisy(digits, Quarter(number)), digits)


def test_second_view_is_the_moved_first_one_or_has_its_own_noise(data):
    batch = batch_of(data)
    assert data.views(batch).gx is None
    noisy = DoubleDigits(group="D4", train_pairs=3, second_noise=True)
    noisy.setup()
    views = noisy.views(batch)
    moved = noisy.action(views.x, views.g)
    difference = float((views.gx - moved).norm() / (moved + MEAN / DEVIATION).norm())
    assert 0.02 < difference < 0.5  # the same picture, but for the artefacts
    plain = DoubleDigits(group="D1", train_pairs=3, second_noise=True)
    plain.setup()
    views = plain.views(batch_of(plain))
    assert_near(views.gx, plain.action(views.x, views.g))  # D1 has no noise


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DoubleDigits(group="S3"), "the groups of DDMNIST are C4, D1, D4, got 'S3'"),
        (lambda: DoubleDigits(classes=1), "from 2 to 10, got 1"),
        (lambda: DoubleDigits(test_pairs=0), "test_pairs is at least 1, got 0"),
        (lambda: DoubleDigits(group="D4", as_published=True), "changes only the noise of C4, got group D4"),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()
