"""Random arguments of calls of the library, from fitting ones to nonsense."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import nn

from regrep import actions, comparison, groups, representations
from regrep.errors import RegrepError

TEXTS = (
    *("", "\x00", "a" * 500, "r s", "r,s", "D4h x O", "D4", "C6", "S3", "Q8", "A4", "D4xD4", "O", "Oh", "C4v", "-43m"),
    *("m-3m", "4/m/m", "S7", "S99", "S7xS8", "C2xC2xC2", "C0", "C-1", "C0v", "C9999v", "Z5", "C99999", "D4x", "xD4"),
    *("-", "--4", "m-", "é", "e", "r", "s", "(", ")", "r^", "r^-1", "r^3", "r^99999999999999999999"),
    *("<r | r^3>", "<r,s | r^4, s^2, (r s)^2>", "<r |", "<a | >", "<a,a | a^2>", "<a,b | a^2, b^2>"),
    *("mse", "relative", "whitened", "down"),
)

SMALL = (
    *("C1", "C2", "C3", "C4", "D1", "D3", "D4", "Q8", "A4", "C2xC2", "O", "Th", "Cs", "C4v", "-4", "D2d", "C3xC3"),
    *("<r,s | r^4, s^2, (r s)^2>", "S4"),
)
"""Groups that are drawn."""

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
        return groups.parse(self.random.choice(SMALL))

    def large(self) -> groups.LargeGroup:
        """A group too large for a table."""
        return groups.parse(self.random.choice(["S7", "A8", "D4xS7", "S7xS8"]))

    def homomorphism(self) -> groups.Homomorphism:
        """A map of a group, most often of a subgroup or onto a quotient."""
        group = self.group()
        steps = [self.random.randrange(group.order) for _ in range(self.random.randrange(3))]
        make = self.random.choice([groups.subgroup, groups.quotient])
        with suppress(RegrepError):
            return make(group, steps)[1]
        return groups.homomorphism(group, groups.cyclic(1), dict.fromkeys(group.generators or (0,), 0))

    def task(self) -> comparison.Task:
        """A task that trains in a moment."""
        size = self.random.choice([0, 1, 7])
        x, y = torch.randn(size, 4, generator=self.generator), torch.randint(0, 2, (size,), generator=self.generator)
        act = self.random.choice([self.action(), representations.regular(groups.cyclic(4))])
        return comparison.Task(
            self.random.choice([lambda seed: nn.Linear(4, 2), lambda seed: self.module()]),
            comparison.Splits(*[(x, y)] * 3),
            self.random.choice([nn.functional.cross_entropy, nn.functional.mse_loss]),
            act,
            steps=self.random.choice([1, 2]),
        )

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
        makers = [
            representations.regular, representations.sign, representations.standard, representations.natural,
            lambda g: representations.trivial(g, 3), lambda g: representations.latent(g, 2 * g.order + 1),
            lambda g: representations.direct_sum([representations.regular(g)] * 2),
            lambda g: self.random.choice(representations.irreps(g)),
            lambda g: representations.LearnedRepresentation(g, 4), representations.defining, representations.det,
            lambda g: representations.subsets(self.large(), 2), lambda g: representations.natural(self.large()),
            lambda g: representations.pullback(representations.regular((f := self.homomorphism()).target), f),
        ]  # fmt: skip
        return self.of_small_group(makers, representations.regular)

    def action(self) -> Any:
        """An action of a small group."""
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
            lambda g: actions.TensorField3d(g, self.random.randrange(4)), lambda g: actions.Points(g, g.matrices),
            lambda g: actions.RotateFlip2d(g, interpolation="nearest"),
            lambda g: actions.KeyPoints(actions.Points2d(g, 4), representations.natural(g)),
            lambda g: actions.FunctionAction(g, self.module()),
            lambda g: actions.Permute(big := self.large(), representations.natural(big)),
            lambda g: actions.Pullback(actions.RotateFlip2d((f := self.homomorphism()).target), f),
        ]  # fmt: skip
        return self.of_small_group(makers, actions.Fix)

    def of_small_group(self, makers: Sequence[Callable[[Any], Any]], otherwise: Callable[[Any], Any]) -> Any:
        """What one of several makers makes of a small group; something else where it cannot."""
        group = self.group()
        with suppress(RegrepError):
            return self.random.choice(makers)(group)
        return otherwise(group)

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

    def images(self) -> Any:
        """Images of elements, or matrices by element."""
        keys = self.random.choice([["r"], ["r", "s"], [0, 1], [], ["x"]])
        return {key: self.random.choice([self.number, self.text, self.tensor, self.table])() for key in keys}

    def arm(self) -> comparison.Arm:
        """A way to use a symmetry."""
        return self.random.choice(list(comparison.ARMS.values()))

    def anything(self) -> Any:
        """Anything at all."""
        return self.random.choice(
            [
                lambda: None, self.number, self.number, self.text, self.tensor, self.sequence, self.group,
                self.representation, self.action, self.module, self.table, dict, object, lambda: b"D4", self.large,
                self.homomorphism,
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
            "f": self.homomorphism, "source": self.group, "target": self.group, "symbol": self.text,
            "normal": self.sequence, "images": self.images, "size": self.number, "rank": self.number,
            "task": self.task, "arm": self.arm, "arms": lambda: self.arm().name, "seed": lambda: 0, "seeds": lambda: 1,
            "function": self.module, "teacher": self.module, "loss": lambda: nn.functional.mse_loss,
        }  # fmt: skip
        return makers.get(name, self.tensor)()
