"""Which rows of a pass are which: samples with labels, samples without, and their transformed copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regrep.actions import Action, sample
from regrep.actions.trees import joined, mapped, moved, rows, tensor_in
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import check_elements


class Views(NamedTuple):
    """The rows of one forward pass, in order: x, u, the transformed part of x, the transformed part of u.

    The first samples of x and of u are transformed. A head that is trained on rho(g) E(x) as well has these outputs
    behind all others.

    Attributes:
        labelled: samples of x, with labels.
        unlabelled: samples of u, without.
        moved_labelled: how many of x have a transformed copy.
        moved_unlabelled: how many of u have one.

    >>> import torch
    >>> views = Views.of(3, 2, fraction=0.5)
    >>> views, views.samples, views.moved
    (Views(labelled=3, unlabelled=2, moved_labelled=2, moved_unlabelled=1), 5, 3)
    >>> outputs = torch.tensor([0, 1, 2, 10, 11, 100, 101, 110])
    >>> views.plain(outputs), views.shifted(outputs), *views.pairs(outputs)
    (tensor([0, 1, 2]), tensor([100, 101]), tensor([ 0,  1, 10]), tensor([100, 101, 110]))
    """

    labelled: int
    unlabelled: int
    moved_labelled: int
    moved_unlabelled: int

    @classmethod
    def of(cls, labelled: int, unlabelled: int, fraction: float) -> Views:
        """The views of a batch of which this fraction is transformed."""
        # 0.07 · 100 is 7.000000000000001
        moved = (math.ceil(round(fraction * count, 9)) for count in (labelled, unlabelled))
        return cls(labelled, unlabelled, *moved)

    @property
    def samples(self) -> int:
        """Samples before any is transformed."""
        return self.labelled + self.unlabelled

    @property
    def moved(self) -> int:
        """Samples that have a transformed copy."""
        return self.moved_labelled + self.moved_unlabelled

    def plain(self, tree: Any) -> Any:
        """The rows of x."""
        return rows(tree, slice(self.labelled))

    def shifted(self, tree: Any) -> Any:
        """The rows of gx."""
        return rows(tree, slice(self.samples, self.samples + self.moved_labelled))

    def turned(self, tree: Any) -> Any:
        """The rows of rho(g) E(x), which stand behind all others."""
        return rows(tree, slice(self.samples + self.moved, None))

    def first(self, tree: Any) -> Any:
        """The rows of x and u that have a transformed copy."""
        if not self.unlabelled:
            return rows(tree, slice(self.moved))
        if self.moved == self.samples:
            return rows(tree, slice(self.samples))
        end = self.labelled + self.moved_unlabelled
        return joined([rows(tree, slice(self.moved_labelled)), rows(tree, slice(self.labelled, end))])

    def second(self, tree: Any) -> Any:
        """The rows of their transformed copies, in the same order."""
        return rows(tree, slice(self.samples, self.samples + self.moved))

    def pairs(self, tree: Any) -> tuple[Any, Any]:
        """Both."""
        return self.first(tree), self.second(tree)

    def elements(self, group: FiniteGroup, g: Tensor | None, samples: Any, generator: torch.Generator | None) -> Tensor:
        """An element for each sample, of x and then of u; those that are not given are drawn.

        Raises:
            RegrepError: neither as many elements as there are samples in x nor as in both.
        """
        like = tensor_in(samples)
        if g is None:
            return sample(group, self.samples, generator=generator, device=like.device)
        if self.unlabelled and isinstance(g, Tensor) and g.dim() and len(g) == self.labelled:
            g = torch.cat([g, sample(group, self.unlabelled, generator=generator, device=like.device).to(g)])
        check_elements(group, g, like)
        return g

    def copies(self, samples: Any, act: Action, g: Tensor, gx: Any) -> Any:
        """The transformed copies of the first samples, of which those of x may be given.

        Args:
            samples: x and u.
            act: how G acts on them.
            g: elements of the samples that have a copy.
            gx: x transformed by its elements, or None.
        """
        first = self.first(samples)
        if gx is None:
            return moved(act, first, g)
        given = rows(gx, slice(self.moved_labelled))
        if not self.unlabelled:
            return given
        others = rows(first, slice(self.moved_labelled, None))
        return joined([given, moved(act, others, g[self.moved_labelled :])])

    def extended(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the encoder for all rows: tensors with a row per sample get more, the others stay.

        Raises:
            RegrepError: a row per sample of x alone where there are samples without labels.
        """
        return self._changed(arguments, lambda leaf: joined([leaf, self.first(leaf)]) if self.moved else leaf)

    def moved_only(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the encoder for the transformed copies alone, likewise."""
        return self._changed(arguments, self.first)

    def _changed(self, arguments: Mapping[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        def changed(path: object, leaf: Tensor) -> Tensor:
            if not leaf.dim() or len(leaf) != self.samples:
                if self.unlabelled and leaf.dim() and len(leaf) == self.labelled:
                    raise RegrepError(
                        f"with unlabelled inputs an argument of the encoder has a row per sample of x and of these,"
                        f" {self.samples}, got {list(leaf.shape)}; join those of both"
                    )
                return leaf
            return change(leaf)

        return {name: mapped(changed, value) for name, value in arguments.items()}
