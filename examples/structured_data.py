"""Data of several parts: a board game, segmentation, a graph, a robot, a classifier, boxes; each in a dozen lines.

Actions and representations are trees in the shape of the data, with None for what does not move.

python examples/structured_data.py
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

import regrep
from regrep.actions import Boxes2d, Labels, Permute, Points2d, RotateFlip2d
from regrep.objectives import Terms
from regrep.representations import MatrixRepresentation, Tokens, direct_sum, layouts

F = nn.functional
D4 = regrep.groups.dihedral(4)
ACT = RotateFlip2d(D4)


def board_game() -> Terms:
    """A policy of 9 x 9 moves and a pass, which moves, and a value, which does not; moves are integer labels."""
    trunk = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.ReLU())
    policy, value = nn.Linear(8 * 81, 82), nn.Linear(8 * 81, 1)
    moves = direct_sum([ACT.pixels(9), regrep.trivial(D4)])
    objective = regrep.EquivariantObjective(
        trunk, lambda z: (policy(z.flatten(1)), value(z.flatten(1))[:, 0]),
        lambda out, y: F.cross_entropy(out[0], y[0]) + F.mse_loss(out[1], y[1]),
        input_action=ACT, latent=layouts.grid(ACT.pixels(9), (8, 9, 9)), output_action=(Labels(moves), None),
    )  # fmt: skip
    return objective(torch.randn(4, 2, 9, 9), (torch.tensor([0, 8, 40, 81]), torch.zeros(4)))


def segmentation() -> Terms:
    """A network that returns a dict, and masks of labels, which an eighth of a turn must not mix."""
    C8 = regrep.groups.cyclic(8)
    images, masks = RotateFlip2d(C8), RotateFlip2d(C8, interpolation="nearest", outside=255)
    backbone, classifier = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 5, 1)
    objective = regrep.EquivariantObjective(
        lambda x: {"features": backbone(x)}, lambda z: {"out": classifier(z["features"].relu())},
        lambda out, y: F.cross_entropy(out["out"], y, ignore_index=255),
        input_action=images, latent={("<output>", "features"): images}, output_action=masks,
    )  # fmt: skip
    return objective(torch.randn(4, 3, 16, 16), torch.randint(5, (4, 16, 16)))


def graph() -> Terms:
    """Features of the nodes and an adjacency matrix under random permutations of the nodes."""
    S6 = regrep.groups.symmetric(6)
    nodes, edges = Permute(S6, regrep.natural(S6).index), Permute(S6, regrep.natural(S6).index, dim=(1, 2))
    layer, head = nn.Linear(3, 8), nn.Linear(8, 2)
    objective = regrep.EquivariantObjective(
        lambda x: x["edges"] @ layer(x["nodes"]), lambda z: head(z.relu().sum(dim=1)), F.cross_entropy,
        input_action={"nodes": nodes, "edges": edges}, latent=Tokens(regrep.natural(S6), regrep.trivial(S6, 8)),
    )  # fmt: skip
    return objective({"nodes": torch.randn(4, 6, 3), "edges": torch.rand(4, 6, 6)}, torch.tensor([0, 1, 0, 1]))


def robot() -> Terms:
    """Left and right joints change places in a mirror, some with a sign; the camera's image is mirrored."""
    C2 = regrep.groups.dihedral(1)
    swap = torch.eye(4)[[2, 3, 0, 1]] * torch.tensor([1.0, -1.0, 1.0, -1.0])  # hips and their roll, left and right
    joints = MatrixRepresentation(C2, torch.stack([torch.eye(4), swap]), "joints")
    see, feel, head = nn.Conv2d(3, 4, 3), nn.Linear(4, 8), nn.Linear(12, 4)
    encode = lambda obs: torch.cat([see(obs["camera"]).mean((2, 3)), feel(obs["joints"])], dim=1)  # noqa: E731
    objective = regrep.EquivariantObjective(
        encode, head, F.mse_loss, input_action={"camera": RotateFlip2d(C2), "joints": joints, "speed": None},
        latent=regrep.latent(C2, 12), output_action=joints,
    )  # fmt: skip
    obs = {"camera": torch.randn(4, 3, 8, 8), "joints": torch.randn(4, 4), "speed": torch.rand(4)}
    return objective(obs, torch.randn(4, 4))


@dataclass
class ClassifierOutput:
    """What a model for classification returns."""

    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None


class Classifier(nn.Module):
    """A model in the style of transformers: images, further arguments, and a record of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings, self.classifier = nn.Conv2d(3, 16, 4, stride=4), nn.Linear(16, 3)

    def forward(
        self, pixel_values: Tensor, bool_masked_pos: Tensor | None = None, output_hidden_states: bool = False
    ) -> ClassifierOutput:
        """Logits, and the hidden states if asked for."""
        hidden = self.embeddings(pixel_values).flatten(2).mT
        if bool_masked_pos is not None:
            hidden = hidden * ~bool_masked_pos[..., None]
        return ClassifierOutput(self.classifier(hidden.mean(1)), (hidden,) if output_hidden_states else None)


def classifier() -> Terms:
    """The latent is a part of the outputs: the first hidden state, whose patches move."""
    tokens = layouts.tokens(ACT, (16, 16))
    objective = regrep.EquivariantObjective(
        Classifier(), None, lambda out, labels: F.cross_entropy(out.logits, labels),
        input_action=ACT, latent={("<output>", "hidden_states", 0): tokens},
    )  # fmt: skip
    pixel_values, labels = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 0])
    extra = {"bool_masked_pos": torch.rand(4, 16) < 0.5, "output_hidden_states": True}
    return objective(pixel_values, labels, arguments=extra)


def boxes_and_points() -> Terms:
    """Images with boxes and key points as targets: all of them move."""
    backbone, box, point = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4), nn.Linear(8, 2)
    objective = regrep.EquivariantObjective(
        backbone, lambda z: {"boxes": box(z.mean((2, 3)))[:, None], "points": point(z.mean((2, 3)))[:, None]},
        lambda out, y: F.l1_loss(out["boxes"], y["boxes"]) + F.l1_loss(out["points"], y["points"]),
        input_action=ACT, latent=layouts.grid(ACT.pixels(16), (8, 16, 16)),
        output_action={"boxes": Boxes2d(D4, size=16), "points": Points2d(D4, size=16), "count": None},
    )  # fmt: skip
    y = {"boxes": torch.tensor([[[0.0, 0, 8, 4]]] * 4), "points": torch.rand(4, 1, 2) * 16, "count": torch.ones(4)}
    return objective(torch.randn(4, 3, 16, 16), y)


EXAMPLES = (board_game, segmentation, graph, robot, classifier, boxes_and_points)


def main() -> None:
    torch.manual_seed(0)
    for example in EXAMPLES:
        terms = example()
        terms.total.backward()
        print(f"{example.__name__:18} loss {terms.total:8.3f}  penalty {terms.equivariance:.4f}")


if __name__ == "__main__":
    main()
