"""Random calls of the library: a wrong argument gets one sentence of ours, never an error from inside.

``python -m chaos.calls --count 500 --seed 1`` (in ``tests``) prints each error that is none of ours once, with a call
that raises it. A call is repeated by its seed and number: ``--seed 1 --only 37``. With ``--nonsense 0`` arguments are
of the right kind, and only their values are wrong.
"""

from __future__ import annotations

import argparse
import inspect
import random
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import regrep
from chaos.trials import Outcome, Trial
from regrep import actions, diagnostics, groups, objectives, representations
from regrep import nn as layers
from regrep.errors import RegrepError

SOURCES = str(Path(regrep.__file__).parent)

COUNT = 5000
"""Random calls of a whole campaign."""

AT_A_TIME = 50
"""Of them, those that a trial makes."""

LONGEST = 20
"""Seconds of computing that a call may take."""


class TooLongError(Exception):
    """A call takes longer than that."""


@dataclass
class Found:
    """What random calls came to.

    Attributes:
        counts: how many returned, how many got a sentence, how many raised anything else.
        others: each other error once, by kind and place, with its first call.
    """

    counts: Counter[str] = field(default_factory=Counter)
    others: dict[str, str] = field(default_factory=dict)


TEXTS = (
    *("", "D4", "C6", "S3", "Q8", "A4", "D4xD4", "O", "C0", "C-1", "Z5", "C99999", "D4x", "xD4", "C2xC2xC2", "é", "e"),
    *(
        "<r | r^3>",
        "<r,s | r^4, s^2, (r s)^2>",
        "<r |",
        "<a | >",
        "<a,a | a^2>",
        "<a,b | a^2, b^2>",
        "r^3",
        "r s",
        "r,s",
    ),
    *(
        "r",
        "s",
        "(",
        ")",
        "r^",
        "r^-1",
        "r^99999999999999999999",
        "\x00",
        "a" * 500,
        "mse",
        "relative",
        "whitened",
        "down",
    ),
)

NUMBERS = (
    *(0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 66, -1, -7, 10**9, 10**30, 0.0, 0.5, 1.0, 2.5, -0.1, 1e308),
    *(float("nan"), float("inf"), -float("inf"), True, False, 1j, np.int64(4), np.float32(0.5), torch.tensor(3)),
)


class Draw:
    """Arguments, from fitting ones to nonsense."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(self.random.randrange(2**31))

    def group(self) -> groups.FiniteGroup:
        """A small group."""
        return groups.parse(self.random.choice(["C1", "C2", "C3", "C4", "D1", "D3", "D4", "Q8", "A4", "C2xC2", "O"]))

    def shape(self) -> list[int]:
        """A shape, more often a usual one."""
        usual = [[4, 8], [2, 3, 6, 6], [2, 1, 4, 4, 4], [3], [5, 2, 8, 8], [8, 8], [1, 4], [2, 6, 12], [4, 16]]
        unusual = [[], [0], [0, 3], [2, 0, 4, 4], [1, 1, 5, 7], [1] * 7]
        return self.random.choice(usual if self.random.random() < 0.8 else unusual)

    def tensor(self) -> torch.Tensor:
        """A tensor of any kind."""
        x = torch.randn(self.shape(), generator=self.generator)
        kind = self.random.randrange(12)
        if kind < 4:
            return x
        if kind == 4:
            return torch.full_like(x, self.random.choice([float("nan"), float("inf"), 0.0]))
        changes: list[Callable[[torch.Tensor], torch.Tensor]] = [
            torch.Tensor.long, torch.Tensor.double, torch.Tensor.half, torch.Tensor.bool, torch.Tensor.byte,
            lambda x: x.to(torch.complex64), lambda x: x.transpose(0, -1) if x.dim() else x,
        ]  # fmt: skip
        return changes[kind - 5](x)

    def elements(self) -> Any:
        """Indices of elements, or something like them."""
        kind = self.random.randrange(6)
        if kind == 5:
            return self.anything()
        if kind == 4:
            return torch.randn(4)
        high = self.random.choice([1, 2, 4, 8, 1000])
        return torch.randint(-1 if kind == 3 else 0, high, (self.random.choice([1, 2, 3, 4, 5]),))

    def representation(self) -> Any:
        """A representation of a small group."""
        group = self.group()
        makers = [
            representations.regular, representations.sign, representations.standard, representations.natural,
            lambda g: representations.trivial(g, 3), lambda g: representations.latent(g, 2 * g.order + 1),
            lambda g: representations.direct_sum([representations.regular(g)] * 2),
            lambda g: self.random.choice(representations.irreps(g)),
            lambda g: representations.LearnedRepresentation(g, 4),
        ]  # fmt: skip
        with suppress(RegrepError):
            return self.random.choice(makers)(group)
        return representations.regular(group)

    def action(self) -> Any:
        """An action of a small group."""
        group = self.group()
        makers = [
            actions.Fix, actions.RotateFlip2d, actions.VectorField2d, actions.Rotate3d,
            lambda g: actions.Permute(g, representations.regular(g).index),
            lambda g: actions.SideBySide(actions.RotateFlip2d(g), actions.RotateFlip2d(g)),
            lambda g: actions.Points2d(g, 4), lambda g: actions.Boxes2d(g, 4), actions.VectorField3d,
            lambda g: actions.OnDims(actions.RotateFlip2d(g), (1, 2)),
            lambda g: actions.Then(actions.RotateFlip2d(g), actions.Permute(g, representations.regular(g).index)),
            lambda g: actions.Pair(actions.RotateFlip2d(g), actions.OnDims(representations.natural(g), 1)),
            lambda g: actions.PairIndex(representations.regular(g)),
            lambda g: actions.Labels(representations.regular(g)),
        ]  # fmt: skip
        with suppress(RegrepError):
            return self.random.choice(makers)(group)
        return actions.Fix(group)

    def module(self) -> Any:
        """A small network, or a function."""
        return self.random.choice(
            [nn.Identity(), nn.Flatten(), nn.Linear(8, 8), nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), torch.tanh]
        )

    def sequence(self) -> Any:
        """A list of something."""
        one = self.random.choice([self.number, self.text, self.tensor, self.group, self.representation, self.sequence])
        return self.random.choice([list, tuple])(one() for _ in range(self.random.randrange(4)))

    def number(self) -> Any:
        """A number."""
        return self.random.choice(NUMBERS)

    def text(self) -> str:
        """A word, or a few of them in a row."""
        return "".join(self.random.choice(TEXTS) for _ in range(self.random.choice([1, 1, 1, 2])))

    def table(self) -> Any:
        """A Cayley table or permutations or matrices, in part broken."""
        group = self.group()
        found = self.random.choice([group.mul, representations.regular(group).index]).clone()
        if self.random.random() < 0.5:
            found.view(-1)[self.random.randrange(found.numel())] = self.random.choice([-1, 0, 1, 99])
        return self.random.choice([found, found.tolist(), found.numpy(), found.float(), found[:-1]])

    def anything(self) -> Any:
        """Anything at all."""
        return self.random.choice(
            [
                lambda: None, self.number, self.number, self.text, self.tensor, self.sequence, self.group,
                self.representation, self.action, self.module, self.table, dict, object, lambda: b"D4",
                lambda: {"A": 1}, lambda: np.zeros((2, 2)), lambda: int, lambda: torch.float32,
            ]
        )()  # fmt: skip

    def fitting(self, name: str) -> Any:
        """A value that an argument of this name might have."""
        makers: dict[str, Callable[[], Any]] = {
            "group": self.group, "left": self.group, "right": self.group, "subgroup": self.group, "text": self.text,
            "n": self.number, "order": self.number, "dim": self.number, "copies": self.number, "batch": self.number,
            "frames": self.number, "weight": self.number, "noise": self.number, "chunk": self.number,
            "generators": self.text, "relators": self.text, "word": self.text, "penalty": self.text, "init": self.text,
            "layer": self.text, "name": self.text, "names": self.sequence, "parts": self.sequence,
            "axes": self.sequence, "table": self.table, "permutations": self.table, "matrices": self.table,
            "index": self.table,
            "rho": self.representation, "latent": self.representation, "g": self.elements, "elements": self.elements,
            "act": self.action, "first": self.action, "second": self.action, "points": self.action,
            "action": self.action, "input_action": self.action, "output_action": self.action,
            "network": self.module, "encoder": self.module, "head": self.module, "model": self.module,
            "task_loss": lambda: nn.functional.mse_loss, "generator": lambda: self.generator, "device": lambda: "cpu",
        }  # fmt: skip
        return makers.get(name, self.tensor)()


BUILDERS = {
    groups: [
        *("alternating", "cyclic", "dihedral", "evaluate", "from_matrices", "from_permutations", "from_presentation"),
        *("from_table", "parse", "product", "quaternion", "real_characters", "symmetric"),
    ],
    representations: [
        *("DirectSum", "FeatureMap", "LearnedRepresentation", "MatrixRepresentation", "PermutationRepresentation"),
        *("Tokens", "direct_sum", "irreps", "latent", "natural", "regular", "restrict", "sign", "standard", "trivial"),
    ],
    actions: [
        *("Boxes2d", "Fix", "FunctionAction", "KeyPoints", "Labels", "LatticeAction", "OnDims", "Pair", "PairIndex"),
        *("Permute", "Points", "Points2d", "Pullback", "Rotate3d", "RotateFlip2d", "SideBySide", "SignedPermute"),
        *("TensorField3d", "VectorField2d", "VectorField3d", "check_law", "resample", "rotate", "sample"),
    ],
    objectives: [
        *(
            "EquivariantObjective",
            "RandomPermutations",
            "RepresentationObjective",
            "RolloutObjective",
            "Tap",
            "advance",
        ),
        *("centred_error", "equivariance_loss", "moving_part", "moving_share", "relative_error", "roll_out", "whiten"),
        "whitened_error",
    ],
    diagnostics: ["equivariance_error", "linear_equivariance", "nearest_representation", "profile", "through_rho"],
    layers: ["GroupAveraged", "Reynolds"],
}
"""What is called directly."""

METHODS = ("__call__", "matrix", "matrices", "inverse", "index", "power", "multiplicities", "subgroup", "element")
"""What is called on what was made, where it has them."""


def random_call(draw: Draw, nonsense: float) -> tuple[str, Callable[[], Any]]:
    """A call, as a text and ready to be made."""
    if draw.random.random() < 0.4:
        made = draw.random.choice([draw.group, draw.representation, draw.action])()
        owned = [name for name in METHODS if callable(getattr(made, name, None))]
        name = draw.random.choice(owned or ["__repr__"])
        target, text = getattr(made, name), f"{made!r}.{name}"
        if name == "__call__" and isinstance(made, nn.Module):
            target = made.forward
        if name == "__call__" and draw.random.random() < 0.7:
            arguments = {"x": draw.tensor(), "g": draw.elements()}
            values = list(arguments.values())
            return f"{text}({', '.join(map(short, values))})", lambda: made(*values)
    else:
        module = draw.random.choice(list(BUILDERS))
        name = draw.random.choice(BUILDERS[module])
        target, text = getattr(module, name), f"{module.__name__}.{name}"
    chosen: dict[str, Any] = {}
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.default is not parameter.empty and draw.random.random() < 0.7:
            continue
        fits = draw.random.random() >= nonsense
        chosen[parameter.name] = draw.fitting(parameter.name) if fits else draw.anything()
    words = ", ".join(f"{key}={short(value)}" for key, value in chosen.items())
    return f"{text}({words})", lambda: target(**chosen)


def short(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, torch.Tensor) and value.numel() > 8:
        return f"{str(value.dtype)[6:]} {list(value.shape)}"
    return " ".join(repr(value).split())[:120]


def judge(call: Callable[[], Any]) -> tuple[str, str]:
    """``returned``, ``sentence``, ``too long`` or ``other``, with the kind and place of the error."""

    def alarm(signum: int, frame: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, alarm)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except TooLongError:
        return "too long", "a call takes too long"
    except Exception as error:
        *_, last = traceback.extract_tb(error.__traceback__)
        if isinstance(error, RegrepError) or (isinstance(error, TypeError) and _raised_in_words(last)):
            return "sentence", ""
        ours = [part for part in traceback.extract_tb(error.__traceback__) if part.filename.startswith(SOURCES)]
        place = f"{Path(ours[-1].filename).relative_to(SOURCES)}:{ours[-1].lineno}" if ours else "outside"
        return "other", f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:100]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return "returned", ""


def _raised_in_words(last: traceback.FrameSummary) -> bool:
    return last.filename.startswith(SOURCES) and (last.line or "").lstrip().startswith("raise TypeError")


def campaign(count: int, seed: int, nonsense: float = 0.25, only: int | None = None, first: int = 0) -> Found:
    """Make so many random calls; this share of their arguments is of any kind."""
    found, places = Found(), set()
    for number in range(first, first + count) if only is None else [only]:
        text, call = random_call(Draw(f"{seed} {number}"), nonsense)
        kind, error = judge(call)
        found.counts[kind] += 1
        place = error.partition(": ")[0]
        if error and place not in places:
            places.add(place)
            found.others[f"{number}: {text}"[:400]] = error
        if only is not None:
            print(text, "->", kind, error)
    return found


def trials(share: float, seed: int) -> list[Trial]:
    """Random calls, some at a time."""
    return [
        Trial("random calls", partial(trial, seed, first), AT_A_TIME)
        for first in range(0, round(share * COUNT), AT_A_TIME)
    ]


def trial(seed: int, first: int) -> Outcome:
    """Some random calls."""
    found = campaign(AT_A_TIME, seed, first=first)
    return Outcome(found.counts, [f"{error} in call {call}" for call, error in found.others.items()])


def main() -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nonsense", type=float, default=0.25, help="share of arguments of any kind at all")
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    found = campaign(options.count, options.seed, options.nonsense, options.only)
    for call, error in found.others.items():
        print(f"{error}\n    {call}")
    print(dict(found.counts), f"{len(found.others)} different errors that are none of ours")
    return 1 if found.others else 0


if __name__ == "__main__":
    raise SystemExit(main())
