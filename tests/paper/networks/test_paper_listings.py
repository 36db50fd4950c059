"""The plain networks are, layer by layer, those that appendix C lists, and compute the same."""

import pytest
import torch
from torch import nn

from regrep_paper.networks.double_digit_cnn import AveragePool, DoubleDigitCNN
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.networks.volume_cnn import Residual, VolumeCNN


def conv(dimension, inputs, outputs, kernel, stride=1, padding=0):
    return getattr(nn, f"Conv{dimension}d")(inputs, outputs, kernel, stride=stride, padding=padding)


def stage(dimension, inputs, outputs, kernel, stride, padding, activation=nn.ELU):
    """Convolution, normalisation, activation, as every block of the appendix begins."""
    norm = getattr(nn, f"BatchNorm{dimension}d")
    return [conv(dimension, inputs, outputs, kernel, stride, padding), norm(outputs), activation()]


class Sum(nn.Module):
    """The listing's ResBlock."""

    def __init__(self, block, skip):
        super().__init__()
        self.block, self.skip = nn.Sequential(*block), nn.Sequential(*skip)

    def forward(self, x):
        return self.block(x) + self.skip(x)


def listing_of_c1(c=6):
    """Encoder up to the flattened latent of 11c channels, and the classifier behind it."""
    encoder = [
        nn.Upsample(size=(57, 57)),
        *stage(2, 1, c, 7, 1, 2),
        *stage(2, c, 2 * c, 5, 1, 2),
        nn.AvgPool2d(5, stride=2, padding=1),
        *stage(2, 2 * c, 4 * c, 3, 2, 2),
        nn.AvgPool2d(5, stride=2, padding=1),
        *stage(2, 4 * c, 6 * c, 3, 2, 0),
        *stage(2, 6 * c, 6 * c, 3, 1, 1),
        nn.AvgPool2d(5, stride=1, padding=1),
        conv(2, 6 * c, 11 * c, 1),
        nn.Flatten(),
    ]
    return encoder, [nn.BatchNorm1d(11 * c), nn.ELU(), nn.Linear(11 * c, 100)]


def listing_of_c2(c=6, classes=2):
    encoder = [
        nn.Upsample(size=(29, 29, 29)),
        Sum([*stage(3, 1, c, 7, 1, 2), *stage(3, c, 2 * c, 5, 1, 2)], [conv(3, 1, 2 * c, 7, 1, 2)]),
        nn.AvgPool3d(5, stride=2, padding=1),
        Sum(
            [*stage(3, 2 * c, 4 * c, 3, 2, 1), nn.AvgPool3d(5, stride=2, padding=1), *stage(3, 4 * c, 6 * c, 3, 2, 2)],
            [nn.AvgPool3d(5, stride=2, padding=0), conv(3, 2 * c, 6 * c, 3)],
        ),
        Sum(
            [*stage(3, 6 * c, 6 * c, 3, 1, 1), nn.AvgPool3d(3, stride=1, padding=0), conv(3, 6 * c, 8 * c, 1)],
            [conv(3, 6 * c, 8 * c, 3)],
        ),
        nn.Flatten(),
    ]
    return encoder, [nn.BatchNorm1d(8 * c), nn.ELU(), nn.Linear(8 * c, classes)]


def listing_of_c3(width=92, layers=5):
    """The latent is behind the last activation, and the head is the last convolution (section 6.3)."""
    encoder = []
    for inputs in (20, *[width] * (layers - 2)):
        encoder += stage(2, inputs, width, 3, 1, 1, nn.ReLU)
    return encoder, [conv(2, width, 2, 3, 1, 1)]


CASES = {
    "DDMNIST": (DoubleDigitCNN, listing_of_c1, (4, 1, 56, 56)),
    "MedMNIST3D": (lambda: VolumeCNN(2), listing_of_c2, (2, 1, 28, 28, 28)),
    "SMOKE": (SmokeCNN, listing_of_c3, (2, 20, 16, 16)),
}
SETTINGS = (
    "kernel_size",
    "stride",
    "padding",
    "in_channels",
    "out_channels",
    "bias",
    "num_features",
    "eps",
    "momentum",
)


def described(modules):
    """Kind and settings of every layer in order; both ways to average count as one."""
    found = []
    for module in modules:
        if isinstance(module, Sum | Residual):
            found.append(("sum", described([module.block]), described([module.skip])))
        elif isinstance(module, nn.Sequential):
            found += described(module)
        elif isinstance(module, AveragePool | nn.AvgPool2d):
            found.append("average")
        elif not isinstance(module, nn.Identity):
            settings = {name: getattr(module, name) for name in SETTINGS if hasattr(module, name)}
            found.append((type(module).__name__, {k: v is not None if k == "bias" else v for k, v in settings.items()}))
    return found


@pytest.mark.parametrize("name", CASES)
def test_layers_are_those_of_the_appendix(name):
    make, listing, _ = CASES[name]
    network, (encoder, head) = make(), listing()
    assert described([network.encoder]) == described(encoder)
    assert described([network.head]) == described(head)


def drawn(value, generator):
    """Another value of a state: weights of the size of a fan-in, statistics and biases from 0 to 1."""
    uniform = torch.rand(value.shape, generator=generator)
    return (uniform - 0.5) / value[0].numel() ** 0.5 if value.dim() > 1 else uniform.to(value.dtype)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_functions_are_those_of_the_appendix(name, training):
    """With the weights of the one in the other, latents and outputs are the same, in training and in evaluation."""
    make, listing, shape = CASES[name]
    network, (encoder, head) = make(), (nn.Sequential(*part) for part in listing())
    generator = torch.Generator().manual_seed(0)
    for ours, theirs in ((network.encoder, encoder), (network.head, head)):
        values = [drawn(value, generator) for value in ours.state_dict().values()]
        for module in (ours.train(training), theirs.train(training)):
            assert [value.shape for value in module.state_dict().values()] == [value.shape for value in values]
            module.load_state_dict(dict(zip(module.state_dict(), values, strict=True)))
    x = torch.randn(shape, generator=generator)
    z, expected = network.encoder(x), encoder(x)
    torch.testing.assert_close(z.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(x), head(expected), rtol=1e-3, atol=1e-4)
