"""DDMNIST: disjoint splits, labels, noise, views, the network, and the settings of Table 9."""

import pytest
import torch
from torch import nn

from regrep.errors import RegrepError
from regrep.objectives import OUTPUT
from regrep_paper.data.batches import BatchSampler
from regrep_paper.data.digits import load
from regrep_paper.data.double_digits import DEVIATION, MEAN, DoubleDigits, canvas
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.networks.double_digit_cnn import AveragePool, DoubleDigitCNN
from regrep_paper.tables import check_config, config_command
from tolerance import assert_near


@pytest.fixture(scope="module")
def data():
    module = DoubleDigits(group="D4", train_pairs=3, validation_pairs=2, test_pairs=1)
    module.setup()
    return module


def batch_of(module, loader=None):
    loader = module.train_dataloader() if loader is None else loader
    loader.sampler.set_epoch(0)
    return next(iter(loader))


def test_no_digit_crosses_splits():
    digits = load("digits")
    sets = [{image.numpy().tobytes() for image in images} for images in digits.images.values()]
    assert sum(map(len, sets)) > 1700
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


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


def test_batches_depend_on_seed_and_epoch_alone(data):
    sampler = BatchSampler(300, 64, 0, shuffle=True)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    order = [torch.cat([index for index, _ in batches]) for batches in epochs]
    assert torch.equal(order[0], order[2])
    assert not torch.equal(order[0], order[1])
    assert [seed for _, seed in epochs[0]] == [seed for _, seed in epochs[2]] != [seed for _, seed in epochs[1]]
    assert sorted(order[1].tolist()) == list(range(300))
    batch = batch_of(data)
    assert torch.equal(data.views(batch).x, data.views(batch).x)


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


def test_rotation_noise_turns_back_unless_as_published():
    turned = {}
    for published in (False, True):
        module = DoubleDigits(group="C4", train_pairs=1, as_published=published)
        module.setup()
        digits = batch_of(module).images.float() / 255
        noisy = module._noisy(digits, torch.Generator().manual_seed(0))
        turned[published] = float((noisy - digits).norm() / digits.norm())
    assert 0.02 < turned[False] < 0.35  # interpolation artefacts alone
    assert turned[True] > 0.7


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


def test_network_of_the_appendix():
    for latent, count in ((66, 33_742), (48, 31_240)):
        assert sum(p.numel() for p in DoubleDigitCNN(latent).parameters()) == count
    network = DoubleDigitCNN()
    assert network.encoder(torch.zeros(2, 1, 56, 56)).shape == (2, 66)
    assert network(torch.zeros(2, 1, 56, 56)).shape == (2, 100)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(55, 5, 2, 1), (15, 5, 2, 1), (3, 5, 1, 1), (4, 3, 1, 1)]
)
def test_pooling_is_average_pooling(size, kernel, stride, padding):
    x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_(True)
    ours, theirs = AveragePool(size, kernel, stride, padding).double(), nn.AvgPool2d(kernel, stride, padding)
    weight = torch.randn(theirs(x).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = [pool(x) for pool in (ours, theirs)]
    gradients = [torch.autograd.grad((value * weight).sum(), x)[0] for value in values]
    assert (values[0] - values[1]).abs().max() < 1e-6
    assert (gradients[0] - gradients[1]).abs().max() < 1e-6


def test_settings_of_table_9():
    for group, rate, weight in (("C4", 1e-3, 2.0), ("D1", 1e-3, 1.0), ("D4", 5e-4, 1.0)):
        several = ("ours", "cnn-augmented", "cnn")
        ours, control, plain = (DDMNIST(group, method, protocol="published") for method in several)
        assert (ours.learning_rate, ours.objective.weight) == (rate, weight)
        assert (control.learning_rate, control.objective.weight) == (rate, 0.0)
        assert plain.learning_rate == (1e-3 if group == "D1" else 5e-4)
        assert plain.objective.fraction == 0
        assert DDMNIST(group, "ours-relative").objective.penalty == "relative"
        decaying = [DDMNIST(group, method).learning_rate for method in several]
        assert decaying == [0.002] * 3 != [DDMNIST(group, schedule="constant").learning_rate]
    assert DDMNIST(as_published=True).objective.shifted_weight == 0
    assert DDMNIST("D4", "ours").objective.latents[OUTPUT].invariant_dim == 3


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_control_and_ours_differ_by_the_penalty_alone(data):
    views = data.views(batch_of(data))
    gradients = []
    for method, weight in (("cnn-augmented", None), ("ours", 1e-12)):
        torch.manual_seed(0)
        model = DDMNIST("D4", method, weight=weight)
        torch.manual_seed(0)
        terms = model.objective(views.x, views.y, views.g)
        gradients.append(torch.autograd.grad(terms.task + terms.shifted_task, list(model.network.parameters())))
    for one, other in zip(*gradients, strict=True):
        assert_near(one, other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DoubleDigits(group="S3"), "the groups of DDMNIST are C4, D1, D4, got 'S3'"),
        (lambda: DoubleDigits(classes=1), "from 2 to 10, got 1"),
        (lambda: DoubleDigits(test_pairs=0), "test_pairs is at least 1, got 0"),
        (lambda: DoubleDigits(group="D4", as_published=True), "changes the noise of C4 only, got group D4"),
        (lambda: load("svhn"), '"digits" or "mnist", got \'svhn\''),
        (lambda: DDMNIST(method="theirs"), "the methods are cnn, cnn-augmented, ours, ours-relative"),
        (lambda: DDMNIST(method="cnn", weight=1.0), "cnn has no penalty, got weight 1.0"),
        (lambda: DDMNIST(learning_rate=-1.0), "the learning rate is positive, got -1.0"),
        (lambda: DDMNIST(latent=63), "at least .* = 64 .* got 63"),
        (lambda: check_config({"experiment": "ddmnist", "wieght": 1}), "no setting 'wieght'; did you mean weight"),
        (lambda: check_config({"experiment": "minst"}), "the experiments are ddmnist, .* got 'minst'"),
        (lambda: check_config({"group": "D4"}), "a config names its experiment"),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


def test_configs_become_commands(tmp_path):
    config = {"experiment": "ddmnist", "method": "ours", "second_noise": True, "weight": None, "seed": 3}
    assert config_command(config, tmp_path, tmp_path / "data") == [
        "fit", "ddmnist", f"--out={tmp_path}", f"--data.data_dir={tmp_path / 'data'}", "--model.method=ours",
        "--data.second_noise=true", "--seed_everything=3",
    ]  # fmt: skip
