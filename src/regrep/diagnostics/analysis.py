"""What a learned, approximate representation is: defect, multiplicities, projectors, nearest exact representation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from regrep.diagnostics.nearest import defect, gauge, nearest_representation, rms
from regrep.diagnostics.spectra import GeneratorSpectrum, Projector, generator_spectrum, projector
from regrep.groups import FiniteGroup, real_characters
from regrep.representations.representation import check_group, check_stack

NO_REPRESENTATION = 0.2
"""Defect above which matrices are called no representation; unrelated ones have about 1."""

IN_KERNEL = 0.05
"""An element with 1 - tr rho(g) / d below this counts as acting trivially."""

CONFIDENT = 3.0
"""A rounded multiplicity is accepted if it is at least this many standard errors from the next half integer."""

HELD_OUT = 8
"""At most this many elements h other than generators have their products rho(h) rho(g) checked."""


@dataclass(frozen=True)
class Multiplicity:
    """How often an irreducible representation occurs, before rounding.

    Attributes:
        value: (1/n) Σ χ(g^-1) tr rho(g) / e.
        standard_error: s / √(n e), with s the spread of traces that should be equal. It covers noise, not bias.
        confidence: (1/2 - |value - round(value)|) / standard_error.
    """

    value: float
    standard_error: float

    @property
    def confidence(self) -> float:
        """Standard errors to the next half integer; inf without any error."""
        room = 0.5 - abs(self.value - round(self.value))
        return room / self.standard_error if self.standard_error else math.inf


@dataclass(frozen=True, eq=False)
class RepresentationAnalysis:
    """What :func:`analyse` finds about approximate matrices of a group.

    Attributes:
        group: the group, of order n.
        dim: size d of the matrices.
        gauge_condition: condition number of M = mean of rho(g)^T rho(g); 1 for orthogonal matrices.
        defect: rms over generators s and all g of |rho(s) rho(g) - rho(sg)|_F / √(2d): 0 exact, about 1 unrelated.
        held_out_defect: the same over elements s that are neither generators nor e; None if there are none.
        relators: for each relator w of the presentation, |rho(w) - 1|_F / √(2d); it vanishes for quotients as well.
        faithfulness: smallest 1 - tr rho(g) / d over g other than e; 1 for the group of one element.
        kernel: names of elements other than e with 1 - tr rho(g) / d below 0.05.
        multiplicities: by name of the irreducible representation over the real numbers, not rounded.
        expected: the multiplicities in d/n copies of the regular representation.
        projectors: how close the isotypic projectors are to being projectors.
        generators: eigenvalues of the generators, by name.
        moved: distance to the nearest exact representation, rms of |rho'(g) - rho(g)|_F / √(2d).
        converged: whether the search for it reached an exact representation.
        nearest: its multiplicities; None if the search did not converge.
    """

    group: FiniteGroup
    dim: int
    gauge_condition: float
    defect: float
    held_out_defect: float | None
    relators: dict[str, float]
    faithfulness: float
    kernel: tuple[str, ...]
    multiplicities: dict[str, Multiplicity]
    expected: dict[str, float]
    projectors: dict[str, Projector]
    generators: dict[str, GeneratorSpectrum]
    moved: float
    converged: bool
    nearest: dict[str, int] | None

    @property
    def distance_from_regular(self) -> float:
        """Largest |m - expected| / expected: 0 regular, at least 1 if an irreducible representation is missing."""
        return max(abs(m.value - self.expected[name]) / self.expected[name] for name, m in self.multiplicities.items())

    @property
    def rounds_to_regular(self) -> bool:
        """Whether every rounded multiplicity is within 1/2 of d/n regular copies; true of most random matrices."""
        return all(self._fits(name) for name in self.multiplicities)

    @property
    def confident(self) -> bool:
        """Whether the rounding of every multiplicity is three standard errors away from changing."""
        return all(m.confidence >= CONFIDENT for m in self.multiplicities.values())

    def _fits(self, name: str) -> bool:
        return abs(round(self.multiplicities[name].value) - self.expected[name]) <= 0.5

    def verdict(self) -> str:
        """The conclusion in words; multiplicities mean nothing if the matrices do not multiply as the elements do."""
        if not self.defect <= NO_REPRESENTATION:
            return f"no representation (defect {self.defect:.2g})"
        kernel = ", ".join(self.kernel[:6]) + (", ..." if len(self.kernel) > 6 else "")
        faithful = f"not faithful ({kernel} acts as e)" if self.kernel else "faithful"
        return f"representation (defect {self.defect:.2g}), {faithful}, {self._regular()}"

    def _regular(self) -> str:
        sure = {name: m.confidence >= CONFIDENT for name, m in self.multiplicities.items()}
        wrong = [name for name in sure if sure[name] and not self._fits(name)]
        if self.dim < self.group.order:
            return f"not regular: dimension {self.dim} is below the order {self.group.order}"
        if wrong:
            terms = [
                f"{name} {round(self.multiplicities[name].value)} instead of {self.expected[name]:.4g}"
                for name in wrong
            ]
            return "not regular: " + ", ".join(terms)
        if self.confident:
            return "regular to within rounding"
        return "undecided whether regular: " + ", ".join(name for name in sure if not sure[name])

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; complex numbers become [real, imaginary], inf and nan None."""
        plain = {
            "group": self.group.name,
            "dim": self.dim,
            "gauge_condition": self.gauge_condition,
            "defect": self.defect,
            "held_out_defect": self.held_out_defect,
            "relators": self.relators,
            "faithfulness": self.faithfulness,
            "kernel": self.kernel,
            "multiplicities": {
                name: {**vars(m), "confidence": m.confidence, "expected": self.expected[name]}
                for name, m in self.multiplicities.items()
            },
            "rounds_to_regular": self.rounds_to_regular,
            "confident": self.confident,
            "distance_from_regular": self.distance_from_regular,
            "projectors": {name: vars(p) for name, p in self.projectors.items()},
            "generators": {name: vars(spectrum) for name, spectrum in self.generators.items()},
            "moved": self.moved,
            "converged": self.converged,
            "nearest": self.nearest,
            "verdict": self.verdict(),
        }
        return {key: _plain(value) for key, value in plain.items()}

    def __str__(self) -> str:
        held = "" if self.held_out_defect is None else f", of the other elements {self.held_out_defect:.2e}"
        lines = [
            f"{self.dim} x {self.dim} matrices of {self.group.name}: {self.verdict()}",
            f"defect of the generators {self.defect:.2e}{held}; gauge condition {self.gauge_condition:.3g}",
            f"nearest exact representation {'' if self.converged else 'not found, search ended '}at distance"
            f" {self.moved:.2e}",
            f"faithfulness {self.faithfulness:.3f}",
            *(f"relator {word}: {value:.2e}" for word, value in self.relators.items()),
            *(
                f"eigenvalues of {name}: rms distance {s.root_distance:.2e} from the roots of unity, counts {s.roots}"
                for name, s in self.generators.items()
            ),
        ]
        width = max(5, *(len(name) for name in self.multiplicities))
        lines.append(f"{'irrep':{width}}  multiplicity  expected  confidence  nearest  rank   gap  residual")
        for name, m in self.multiplicities.items():
            value, p = f"{m.value:.3f}±{m.standard_error:.3f}", self.projectors[name]
            nearest, confidence = "-" if self.nearest is None else self.nearest[name], min(m.confidence, 999)
            lines.append(
                f"{name:{width}}  {value:>12}  {self.expected[name]:8.3f}  {confidence:10.1f}  {nearest:>7}"
                f"  {p.rank:4}  {p.gap:4.2f}  {p.residual:8.2e}"
            )
        return "\n".join(lines)


def analyse(group: FiniteGroup, matrices: Tensor, *, generators: bool = False) -> RepresentationAnalysis:
    """Decompose a learned, approximate representation, and decide whether it is one.

    Multiplicities are m = (1/n) Σ χ(g^-1) tr rho(g) / e (Eq. (3) over the real numbers; e = 1, 2, 4 for types R, C, H).
    Even for random matrices they are close to integers and to those of the regular representation: look at ``defect``
    and ``moved`` first, and compare with :func:`~regrep.diagnostics.null_controls`.

    Args:
        group: the group, of order n.
        matrices: [n, d, d] of any real dtype, one per element in the order of the elements; they need not be
            exact, orthogonal or 1 for e. Computed in float64.
        generators: the matrices are those of the generators only, in the order of ``group.generators``; the matrix of
            every other element is the product along its word, so the defect measures only products outside these words.

    Raises:
        RegrepError: a wrong shape, numbers that are not finite, or a singular mean of rho(g)^T rho(g).

    >>> from regrep import groups, regular
    >>> G = groups.symmetric(3)
    >>> noise = torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(0))
    >>> found = analyse(G, regular(G).stack() + 0.01 * noise)
    >>> {name: round(m.value, 1) for name, m in found.multiplicities.items()}
    {'A1': 1.0, 'A2': 1.0, 'E': 2.0}
    >>> found.verdict()
    'representation (defect 0.029), faithful, regular to within rounding'
    """
    rho, condition = gauge(group, _stack(group, matrices, generators))
    n, d = rho.shape[:2]
    close = nearest_representation(group, rho)
    traces, exact = torch.einsum("gii->g", rho), torch.einsum("gii->g", close.matrices)
    missing = 1 - traces[1:] / d
    spread = float((traces - exact).square().mean().sqrt()) if group.is_abelian else _spread(group, traces)
    characters = real_characters(group)
    sizes = {chi.name: chi.endomorphism_dimension for chi in characters}
    counts = {chi.name: float((chi.values * traces).mean()) / sizes[chi.name] for chi in characters}
    others = [g for g in range(1, n) if g not in group.generators]
    chosen = torch.randperm(len(others), generator=torch.Generator().manual_seed(0))[:HELD_OUT].tolist()
    return RepresentationAnalysis(
        group=group,
        dim=d,
        gauge_condition=condition,
        defect=close.defects[0],
        held_out_defect=defect(group, rho, [others[k] for k in chosen]) if others else None,
        relators=_relators(group, rho),
        faithfulness=float(missing.min()) if n > 1 else 1.0,
        kernel=tuple(group.names[g] for g in range(1, n) if float(missing[g - 1]) < IN_KERNEL),
        multiplicities={name: Multiplicity(m, spread / math.sqrt(n * sizes[name])) for name, m in counts.items()},
        expected={chi.name: d * chi.dim / (n * sizes[chi.name]) for chi in characters},
        projectors={chi.name: projector(chi, rho) for chi in characters},
        generators={group.names[s]: generator_spectrum(group, s, rho[s]) for s in group.generators},
        moved=close.moved,
        converged=close.converged,
        nearest={chi.name: round(float((chi.values * exact).mean()) / sizes[chi.name]) for chi in characters}
        if close.converged
        else None,
    )


def _stack(group: FiniteGroup, matrices: Tensor, generators: bool) -> Tensor:
    """Float64 copy [n, d, d] of the matrices, after filling in products of generators if only those are given."""
    check_group(group)
    given = check_stack(group, matrices, len(group.generators) if generators else None)
    if not generators:
        return given
    stack = torch.eye(given.shape[1], dtype=torch.float64).repeat(group.order, 1, 1)
    for g in sorted(range(1, group.order), key=lambda g: len(group.words[g])):
        last = group.words[g][-1] - 1
        before = int(group.mul[g, group.inverse[group.generators[last]]])
        stack[g] = stack[before] @ given[last]
    return stack


def _relators(group: FiniteGroup, rho: Tensor) -> dict[str, float]:
    """|rho(w) - 1|_F / √(2d) of each relator; nan if it needs the inverse of a singular matrix."""
    eye = torch.eye(rho.shape[1], dtype=rho.dtype)
    steps: dict[int, Tensor] = {}
    for k, s in enumerate(group.generators, start=1):
        inverse, failed = torch.linalg.solve_ex(rho[s], eye)
        steps[k], steps[-k] = rho[s], inverse.masked_fill(failed != 0, math.nan)
    residuals = {}
    for word in group.presentation.relators:
        product = eye
        for letter in word:
            product = product @ steps[letter]
        residuals[group.presentation.word_text(word)] = rms(product - eye)
    return residuals


def _spread(group: FiniteGroup, traces: Tensor) -> float:
    """Pooled standard deviation of the traces within conjugacy classes."""
    parts = [traces[list(members)] for members in group.conjugacy_classes]
    squares = sum(float((part - part.mean()).square().sum()) for part in parts)
    return math.sqrt(squares / (group.order - len(parts)))


def _plain(value: Any) -> object:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, complex):
        return [value.real, value.imag]
    return None if isinstance(value, float) and not math.isfinite(value) else value
