"""Where three trained networks of other people lose the left-right mirror, layer by layer.

python examples/face_detectors.py WHEEL_OR_FOLDER [--samples N] [--seed N] [--out FILE.json]

The networks are the three stages of MTCNN (Zhang, Zhang, Li and Qiao, "Joint face detection and alignment using
multitask cascaded convolutional networks", 2016). Their trained weights lie in the wheel of facenet-pytorch 2.6.0 (MIT
licence), which is only read:

    pip download facenet-pytorch==2.6.0 --no-deps

WHEEL_OR_FOLDER is that file, or a folder with pnet.pt, rnet.pt and onet.pt. The images are random crops of the two
photographs of scikit-learn, a temple and a flower: natural pictures, and no faces.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

import regrep


class Columns(nn.Module):
    """[B, C, H, W] -> [B, W·H·C], in the order in which the fully connected weights were stored: columns first."""

    def forward(self, x: Tensor) -> Tensor:
        """The rows."""
        return x.permute(0, 3, 2, 1).flatten(1)


class Stage(nn.Module):
    """Layers that run one after the other, and outputs that all start from the last of them.

    Layers have the names of their weights in the file.
    """

    def __init__(self, layers: dict[str, nn.Module], outputs: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, layer in {**layers, **outputs}.items():
            self.add_module(name, layer)
        self.trunk, self.ends = tuple(layers), tuple(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The outputs."""
        for name in self.trunk:
            x = self.get_submodule(name)(x)
        return tuple(self.get_submodule(name)(x) for name in self.ends)


def pool(kernel: int) -> nn.Module:
    """Windows at a stride of 2, the last of which may reach beyond the map, as the sizes of the later layers tell."""
    return nn.MaxPool2d(kernel, stride=2, ceil_mode=True)


def proposal() -> Stage:
    """P-Net, for images of 12 x 12: face or not, and its box."""
    trunk = {
        "conv1": nn.Conv2d(3, 10, 3), "prelu1": nn.PReLU(10), "pool1": pool(2),
        "conv2": nn.Conv2d(10, 16, 3), "prelu2": nn.PReLU(16),
        "conv3": nn.Conv2d(16, 32, 3), "prelu3": nn.PReLU(32),
    }  # fmt: skip
    return Stage(trunk, {"conv4_1": nn.Conv2d(32, 2, 1), "conv4_2": nn.Conv2d(32, 4, 1)})


def refinement() -> Stage:
    """R-Net, for images of 24 x 24: face or not, and its box."""
    trunk = {
        "conv1": nn.Conv2d(3, 28, 3), "prelu1": nn.PReLU(28), "pool1": pool(3),
        "conv2": nn.Conv2d(28, 48, 3), "prelu2": nn.PReLU(48), "pool2": pool(3),
        "conv3": nn.Conv2d(48, 64, 2), "prelu3": nn.PReLU(64),
        "flatten": Columns(), "dense4": nn.Linear(576, 128), "prelu4": nn.PReLU(128),
    }  # fmt: skip
    return Stage(trunk, {"dense5_1": nn.Linear(128, 2), "dense5_2": nn.Linear(128, 4)})


def output() -> Stage:
    """O-Net, for images of 48 x 48: face or not, its box, and the places of eyes, nose and mouth."""
    trunk = {
        "conv1": nn.Conv2d(3, 32, 3), "prelu1": nn.PReLU(32), "pool1": pool(3),
        "conv2": nn.Conv2d(32, 64, 3), "prelu2": nn.PReLU(64), "pool2": pool(3),
        "conv3": nn.Conv2d(64, 64, 3), "prelu3": nn.PReLU(64), "pool3": pool(2),
        "conv4": nn.Conv2d(64, 128, 2), "prelu4": nn.PReLU(128),
        "flatten": Columns(), "dense5": nn.Linear(1152, 256), "prelu5": nn.PReLU(256),
    }  # fmt: skip
    return Stage(trunk, {f"dense6_{k}": nn.Linear(256, size) for k, size in ((1, 2), (2, 4), (3, 10))})


NETWORKS: dict[str, tuple[str, int, Callable[[], Stage]]] = {
    "P-Net": ("pnet.pt", 12, proposal),
    "R-Net": ("rnet.pt", 24, refinement),
    "O-Net": ("onet.pt", 48, output),
}
"""File of the weights, side of the images, and layers."""


def read_weights(place: Path, file: str) -> dict[str, Tensor]:
    """Tensors of one network; nothing in the file is run."""
    if place.is_dir():
        return torch.load(place / file, weights_only=True)
    with zipfile.ZipFile(place) as wheel:
        return torch.load(io.BytesIO(wheel.read(f"facenet_pytorch/data/{file}")), weights_only=True)


def crops(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Squares of the photographs at random places and scales, [count, 3, size, size], with values from -1 to 1."""
    photographs = [torch.from_numpy(image.copy()).float().permute(2, 0, 1) for image in load_sample_images().images]
    found = []
    for photograph in torch.randint(len(photographs), (count,), generator=generator).tolist():
        picture = photographs[photograph]
        side = int(torch.randint(size, 4 * size + 1, (), generator=generator))
        top, left = (int(torch.randint(n - side + 1, (), generator=generator)) for n in picture.shape[1:])
        square = picture[None, :, top : top + side, left : left + side]
        found.append(nn.functional.interpolate(square, size=(size, size), mode="area"))
    return (torch.cat(found) - 127.5) / 128


def main(place: str, samples: int = 1000, seed: int = 0, out: str | None = None) -> None:
    mirror = regrep.actions.RotateFlip2d(regrep.groups.dihedral(1))
    networks = []
    for name, (file, size, build) in NETWORKS.items():
        network = build()
        network.load_state_dict(read_weights(Path(place), file))
        images = crops(samples, size, torch.Generator().manual_seed(seed))
        found = regrep.profile_layers(network, images, mirror, seed=seed)
        print(f"{name}, images of {size} x {size}, left-right mirror\n{found}\n")
        networks.append({"name": name, "inputs": f"images of {size} x {size}", **found.as_dict()})
    if out is not None:
        command = f"python examples/face_detectors.py {Path(place).name} --samples {samples} --seed {seed}"
        record = {"command": command, "samples": samples, "seed": seed, "group": "D1", "networks": networks}
        Path(out).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="where three trained face detectors lose the left-right mirror")
    parser.add_argument("place", metavar="WHEEL_OR_FOLDER", help="the wheel of facenet-pytorch 2.6.0, or its data")
    parser.add_argument("--samples", type=int, default=1000, help="crops for each network (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the crops and of the halves (default 0)")
    parser.add_argument("--out", metavar="FILE.json", help="write the numbers there too")
    main(**vars(parser.parse_args()))
