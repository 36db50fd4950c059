"""The profile of a latent: its variance and its equivariance error by irreducible representation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from regrep.actions.trees import as_action, batches, moved
from regrep.diagnostics.reading import (
    beyond_identity,
    check_finite,
    check_samples,
    element,
    evaluating,
    plain,
    reader,
)
from regrep.groups import RealCharacter, real_characters
from regrep.html import table
from regrep.objectives.checks import check_positions
from regrep.objectives.functional import LatentAction
from regrep.objectives.layers import Layer
from regrep.objectives.measures import error_and_offset

NOTHING = 1e-10
"""Shares of the variance below this are rounding and get no error."""


@dataclass(frozen=True, eq=False)
class Profile:
    """A latent by its r irreducible representations over the real numbers and the n group elements.

    Attributes:
        irreps: their names; the first is the trivial one, the invariant part.
        dims: their dimensions.
        elements: names of the elements.
        share: float64 [r], fraction of the variance of E(x) in each isotypic part; the fractions add up to 1 under an
            orthogonal rho, such as a permutation. nan if the latent does not vary.
        error: float64 [r, n], ``error`` of each part as in :class:`~regrep.diagnostics.EquivarianceError`; nan for a
            part without variance.
        offset: float64 [r, n], ``offset`` of each part, likewise.
    """

    irreps: tuple[str, ...]
    dims: tuple[int, ...]
    elements: tuple[str, ...]
    share: Tensor
    error: Tensor
    offset: Tensor

    @property
    def mean_error(self) -> Tensor:
        """Mean for each part over the elements other than the identity; float64 [r]."""
        return torch.tensor([beyond_identity(row) for row in self.error], dtype=torch.float64)

    @property
    def mean_offset(self) -> Tensor:
        """Mean for each part over the elements other than the identity; float64 [r]."""
        return torch.tensor([beyond_identity(row) for row in self.offset], dtype=torch.float64)

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; nan becomes None."""
        names = ("share", "error", "offset", "mean_error", "mean_offset")
        return {
            "irreps": list(self.irreps),
            "dims": list(self.dims),
            "elements": list(self.elements),
            **{name: plain(getattr(self, name)) for name in names},
        }

    def _repr_html_(self) -> str:
        columns = (self.irreps, self.dims, self.share.tolist(), self.mean_error.tolist(), self.mean_offset.tolist())
        rows = [list(row) for row in zip(*columns, strict=True)]
        return table("profile", ["irrep", "dim", "share", "error", "offset"], rows)

    def __str__(self) -> str:
        width = max(len("irrep"), *(len(name) for name in self.irreps))
        lines = [f"{'irrep':{width}}  dim   share   error  offset"]
        rows = zip(self.irreps, self.dims, self.share, self.mean_error, self.mean_offset, strict=True)
        for name, dim, share, error, offset in rows:
            lines.append(f"{name:{width}}  {dim:3}  {share:6.4f}  {error:6.4f}  {offset:6.4f}")
        return "\n".join(lines)


def profile(
    encoder: Callable[..., Any],
    x: Any,
    act: Any,
    rho: LatentAction,
    layer: Layer | None = None,
    batch_size: int = 256,
) -> Profile:
    """Share of the variance, error and offset in each isotypic part of a latent.

    The part of χ is the image of P = dim / (e n) Σ χ(g⁻¹) rho(g), with e = 1, 2, 4 for the types R, C, H. The share of
    the trivial part is 1 - ``moving_share``. All latents are kept in double precision, one copy per irreducible.

    Args:
        encoder: x -> latent; modules are evaluated as by :func:`regrep.equivariance_error`.
        x: [N, ...], samples, or a tree of such tensors.
        act: how G acts on x: an action, or a tree of actions in the shape of x.
        rho: representation or action on the latent.
        layer: measure this layer of the encoder (a module), or a part of what it returns, instead of its output; see
            :func:`regrep.equivariance_error`.
        batch_size: samples at a time.

    Raises:
        RegrepError: no samples, different groups, or latents that are not a finite real tensor.

    Warns:
        EvaluationWarning: a given function calls modules in training mode.

    >>> import regrep
    >>> G = regrep.groups.symmetric(3)
    >>> x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)).double()
    >>> rho = regrep.regular(G)
    >>> found = profile(lambda x: x, x, rho, rho)
    >>> found.irreps, round(float(found.share.sum()), 9), float(found.error.nan_to_num().max()) < 1e-9
    (('A1', 'A2', 'E'), 1.0, True)
    """
    act = as_action(act)
    check_samples(x, batch_size, act, rho)
    characters, parts, encode = real_characters(act.group), batches(x, batch_size), reader(encoder, layer)
    error, offset = (torch.zeros(len(characters), act.group.order, dtype=torch.float64) for _ in range(2))
    with evaluating(encoder):
        z = torch.cat([encode(part) for part in parts])
        check_finite(z)
        check_positions(z, rho)
        pieces = isotypic(z, rho, characters)
        variance = torch.stack([_variance(piece) for piece in pieces])
        whole = float(_variance(z))
        share = variance / whole if whole else variance * math.nan
        for k in range(act.group.order):
            v = torch.cat([encode(moved(act, part, element(k, part))) for part in parts])
            check_finite(v)
            for i, (own, other) in enumerate(zip(pieces, isotypic(v, rho, characters), strict=True)):
                turned = rho(own.to(z.device), element(k, z)).cpu().double()
                error[i, k], offset[i, k] = error_and_offset(turned, other)
    empty = ~(share > NOTHING)
    error[empty], offset[empty] = math.nan, math.nan
    return Profile(
        tuple(chi.name for chi in characters),
        tuple(chi.dim for chi in characters),
        act.group.names,
        share,
        error,
        offset,
    )


def isotypic(z: Tensor, rho: LatentAction, characters: tuple[RealCharacter, ...]) -> list[Tensor]:
    """The isotypic parts of latents [N, ...], float64 on the CPU, one for each real character.

    >>> import regrep
    >>> G = regrep.groups.cyclic(2)
    >>> [part.tolist() for part in isotypic(torch.tensor([[1.0, 3.0]]), regrep.regular(G), real_characters(G))]
    [[[2.0, 2.0]], [[-1.0, 1.0]]]
    """
    order = len(characters[0].values)
    parts = [torch.zeros(z.shape, dtype=torch.float64) for _ in characters]
    for k in range(order):
        moved = rho(z, element(k, z)).cpu().double()
        for part, chi in zip(parts, characters, strict=True):
            # A real character has the same value at g and at its inverse.
            part += moved * (float(chi.values[k]) * chi.dim / (chi.endomorphism_dimension * order))
    return parts


def _variance(z: Tensor) -> Tensor:
    z = z.cpu().double()
    return (z - z.mean(dim=0)).square().sum() / len(z)
