"""Draw the pictures of the page on concepts with the library itself.

python docs/pictures.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import torch
from matplotlib.axes import Axes
from torch import Tensor

import regrep
from regrep_paper.report.style import STYLE, canvas, drawing, place, write_heading

FOLDER = Path(__file__).parent / "figures"
INK, RED, BLUE = "#22313f", "#d55e00", "#0072b2"


def letter() -> Tensor:
    """An F, [7, 7]."""
    rows = [".......", ".#####.", ".#.....", ".####..", ".#.....", ".#.....", "......."]
    return torch.tensor([[float(sign == "#") for sign in row] for row in rows])


def show(axis: Axes, image: Tensor, title: str) -> None:
    """An image without ticks."""
    axis.imshow(image.numpy(), cmap="Greys", vmin=0, vmax=1.25)
    axis.set_title(title, fontsize=9, fontweight="normal")
    axis.set(xticks=[], yticks=[])
    axis.grid(False)


def group() -> str:
    """An F under the eight elements of D4."""
    D4 = regrep.groups.dihedral(4)
    moved = regrep.actions.RotateFlip2d(D4)(letter().expand(8, 7, 7), torch.arange(8))
    figure = canvas(8.8, 1.35)
    for k, name in enumerate(D4.names):
        show(place(figure, 0.05 + 1.09 * k, 0.28, 1.0, 1.0), moved[k], name)
    return drawing("group", "An F under the eight elements of D4", "", figure).svg


def representation() -> str:
    """The matrices of the regular representation of D4, and its four copies in 34 coordinates."""
    D4 = regrep.groups.dihedral(4)
    rho, latent = regrep.regular(D4), regrep.latent(D4, 34)
    figure = canvas(8.0, 2.1)
    for k, name in enumerate(("e", "r", "s")):
        show(place(figure, 0.05 + 1.9 * k, 0.3, 1.7, 1.7), rho.matrix(name).float(), f"ρ({name}), regular")
    show(place(figure, 5.95, 0.3, 1.7, 1.7), latent.matrix("r").float(), "ρ(r), four copies and 2 fixed")
    return drawing("representation", "Matrices of the regular representation of D4", "", figure).svg


def action() -> str:
    """A quarter turn of an image, of a vector field, and of pairs of images."""
    C4 = regrep.groups.cyclic(4)
    g = torch.tensor([1])
    figure = canvas(8.6, 2.5)
    turned = regrep.actions.RotateFlip2d(C4)(letter()[None], g)[0]
    for k, (image, title) in enumerate(((letter(), "an image x"), (turned, "rx"))):
        show(place(figure, 0.05 + 1.4 * k, 0.75, 1.25, 1.25), image, title)
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    # Components (vx, vy) with y upwards, while rows grow downwards.
    field = torch.stack([torch.ones(6, 6), 0.25 * (x - 2.5)])
    moved = regrep.actions.VectorField2d(C4, rows="down")(field[None], g)[0]
    for k, (arrows, title) in enumerate(((field, "a vector field v"), (moved, "rv: places and arrows turn"))):
        axis = place(figure, 3.2 + 2.6 * k, 0.45, 1.9, 1.9)
        axis.quiver(x, y, arrows[0], -arrows[1], color=BLUE, angles="xy", scale=9, width=0.012)
        axis.set_title(title, fontsize=9, fontweight="normal")
        axis.set(xticks=[], yticks=[], xlim=(-1, 6), ylim=(6, -1))
        axis.grid(False)
    return drawing("action", "A quarter turn of an image and of a vector field", "", figure).svg


def penalty() -> str:
    """The square of maps: two ways from x to the latent of gx."""
    act, g = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4)), torch.tensor([1])
    figure = canvas(7.4, 3.0)
    show(place(figure, 0.1, 0.3, 1.0, 1.0), letter(), "x")
    show(place(figure, 0.1, 1.9, 1.0, 1.0), act(letter()[None], g)[0], "gx")
    axis = place(figure, 0, 0, 7.4, 3.0)
    axis.set(xlim=(0, 7.4), ylim=(3.0, 0), xticks=[], yticks=[])
    axis.grid(False)
    axis.patch.set_alpha(0)
    axis.set_frame_on(False)
    for (x, y), text in {
        (3.1, 0.8): "z = E(x)",
        (3.1, 2.4): "E(gx)",
        (5.9, 0.8): "ρ(g) E(x)",
        (5.9, 2.4): "penalty: how far apart,\nrelative to how much both vary",
    }.items():
        axis.text(x, y, text, ha="center", va="center", fontsize=10, color=RED if "penalty" in text else INK)
    arrow = {"arrowstyle": "->", "color": INK, "lw": 1.3}
    for start, end, text, dx, dy in (
        ((1.25, 0.8), (2.6, 0.8), "encoder E", 0, -0.14),
        ((1.25, 2.4), (2.7, 2.4), "the same E", 0, -0.14),
        ((0.6, 1.4), (0.6, 1.68), "g", 0.15, 0.05),
        ((3.65, 0.8), (5.3, 0.8), "ρ(g), fixed, no parameters", 0, -0.14),
    ):
        axis.annotate("", end, start, arrowprops=arrow)
        axis.text((start[0] + end[0]) / 2 + dx, (start[1] + end[1]) / 2 + dy, text, ha="center", fontsize=8, color=INK)
    for start, end in (((5.9, 1.0), (5.9, 2.05)), ((3.5, 2.4), (4.6, 2.4))):
        axis.annotate("", end, start, arrowprops={"arrowstyle": "-", "color": RED, "lw": 1.3, "ls": ":"})
    return drawing("penalty", "The penalty compares rho(g) E(x) with E(gx)", "", figure).svg


def collapses() -> str:
    """Three encoders that lower a penalty without becoming equivariant."""
    torch.manual_seed(0)
    C4 = regrep.groups.cyclic(4)
    act, x = regrep.actions.RotateFlip2d(C4), torch.rand(3000, 1, 8, 8)

    def corners(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0, 0, 0], x[:, 0, 7, 0], x[:, 0, 7, 7], x[:, 0, 0, 7]], dim=1)

    def quadrant(x: Tensor) -> Tensor:
        return x[:, 0, :4, :4].flatten(1)

    encoders = {
        "unrelated": quadrant,
        "shrunk": lambda x: 0.1 * quadrant(x),
        "shifted by a constant": lambda x: quadrant(x) + 3,
        "behind a decoy": lambda x: torch.cat([10 * corners(x), quadrant(x)[:, 4:]], dim=1),
    }
    figure = canvas(9.6, 3.0)
    g = torch.ones(len(x), dtype=torch.int64)
    for k, (name, encoder) in enumerate(encoders.items()):
        width = encoder(x[:1]).shape[1]
        rho = regrep.latent(C4, width)
        z, w = rho(encoder(x), g), encoder(act(x, g))
        found = regrep.equivariance_error(encoder, x, act, rho)
        mse = float(regrep.equivariance_loss(encoder(x), w, g, rho))
        axis = place(figure, 0.35 + 2.4 * k, 0.75, 1.85, 1.85)
        axis.scatter(z[:16].flatten(), w[:16].flatten(), s=4, color=BLUE, alpha=0.5, lw=0)
        low, high = float(w.min()), float(w.max())
        axis.plot([low, high], [low, high], color=RED, lw=0.8)
        axis.set(xlabel="ρ(g) E(x)", ylabel="E(gx)" if not k else "")
        write_heading(figure, 0.35 + 2.4 * k, 0.05, name)
        figure.text(
            (0.35 + 2.4 * k) / 9.6,
            1 - 0.62 / 3.0,
            f"mse {mse:.3f}   uncentred {found.mean_uncentred:.2f}\nerror {found.mean_error:.2f}"
            f"   whitened {found.mean_whitened_error:.2f}",
            fontsize=7.5,
            color=INK,
        )
    return drawing("collapses", "Three ways to lower a penalty without equivariance", "", figure).svg


PICTURES = (group, representation, action, penalty, collapses)


def main(folder: Path = FOLDER) -> None:
    """Draw all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        for picture in PICTURES:
            (folder / f"{picture.__name__}.svg").write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
