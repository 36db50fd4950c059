"""One batch as a network saw it: its samples, their transformed copies, and what one pass over all returned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor

from regrep.actions import Action
from regrep.actions.trees import joined, rows, samples_in, tensor_in
from regrep.objectives.layers import Layer
from regrep.objectives.passes import Passes
from regrep.objectives.views import Views

Turn = Callable[[Any, Tensor], tuple[Any, dict[Layer, Tensor]]]
"""(E(x), g) -> rho(g) E(x), and its parts by layer."""


class SeenBatch(NamedTuple):
    """What the terms of an objective are computed from.

    Attributes:
        views: which rows are which.
        inputs: x and u, a tree of tensors [samples, ...].
        arguments: further arguments of the encoder for these.
        g: int64 [samples], their elements.
        drawn: int64 [moved], those of the samples that have a copy.
        copies: gx of these samples; None if no sample has one.
        outputs: of the network, for x, u, the copies, and rho(g) E(x) if the head was called with that.
        turned: rho(g) E(x) by layer, where it is known.
        latents: by layer, those of each of its runs, for x, u and the copies.
        zero: what a term is that no sample has.
    """

    views: Views
    inputs: Any
    arguments: Mapping[str, Any]
    g: Tensor
    drawn: Tensor
    copies: Any
    outputs: Any
    turned: Mapping[Layer, Tensor]
    latents: Mapping[Layer, tuple[Tensor, ...]]
    zero: Tensor

    @classmethod
    def of(
        cls,
        passes: Passes,
        views: Views,
        act: Action,
        inputs: Any,
        g: Tensor,
        gx: Any,
        arguments: Mapping[str, Any],
        turn: Turn | None = None,
        one_sided: bool = False,
    ) -> SeenBatch:
        """Run the network once over the samples, their copies, and rho(g) E(x).

        Args:
            passes: runs the network.
            views: which samples get a copy.
            act: how G acts on them.
            inputs: x and u.
            g: an element for each.
            gx: x transformed by its elements, or None.
            arguments: further arguments of the encoder.
            turn: moves the latents of x, for a head that is called with these too.
            one_sided: whether the encoder runs on the copies without gradient, in a pass of its own.
        """
        drawn = views.first(g)
        copies = views.copies(inputs, act, drawn, gx) if views.moved else None
        moving = None if turn is None else partial(_turned, turn, views, g)
        if copies is not None and one_sided:
            found = passes(inputs, arguments, moving, (copies, views.moved_only(arguments)))
        else:
            every = inputs if copies is None else joined([inputs, copies])
            found = passes(every, views.extended(arguments), moving)
        outputs, turned, latents = found
        further = 0 if turn is None else views.labelled
        samples_in(outputs, views.samples + views.moved + further, "the outputs")
        zero = tensor_in(outputs).new_zeros(())
        return cls(views, inputs, arguments, g, drawn, copies, outputs, turned, latents, zero)


def _turned(turn: Turn, views: Views, g: Tensor, encoded: Any) -> tuple[Any, dict[Layer, Tensor]]:
    """Rho(g) E(x) of x alone for the head, and of x and u by layer for the penalty."""
    found, parts = turn(rows(encoded, slice(views.samples)), g)
    return views.plain(found), parts
