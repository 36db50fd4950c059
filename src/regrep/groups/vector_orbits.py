"""Groups of matrices as permutations of the vectors of a few orbits."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep.groups.limits import VECTORS
from regrep.groups.stabilizer_chain import StabilizerChain
from regrep.placed import Placed

CANDIDATES = 16
"""Orbits of so many vectors are tried, of which the shortest that span the space are taken."""


class VectorOrbits:
    """Vectors that span the space and that a group of matrices permutes; a permutation of them is one matrix.

    Attributes:
        vectors: float64 [degree, d].
        integral: whether all matrices have integers as entries; they are then exact.
    """

    def __init__(self, vectors: np.ndarray, integral: bool, tolerance: float) -> None:
        self.vectors, self.integral = torch.from_numpy(vectors), integral
        self._basis = spanning(vectors, vectors.shape[1], tolerance)
        self._placed, self._inverse = (
            Placed(self.vectors),
            Placed(torch.from_numpy(np.linalg.inv(vectors[self._basis]))),
        )

    @property
    def dim(self) -> int:
        """Dimension d of the space."""
        return self.vectors.shape[1]

    @cached_property
    def basis(self) -> Placed:
        """Numbers of d vectors that are a basis, int64 [d]."""
        return Placed(torch.from_numpy(self._basis))

    def matrices(self, g: Tensor) -> Tensor:
        """The matrices of permutations int64 [B, degree] of the vectors, float64 [B, d, d]."""
        moved = self._placed.on(g.device)[g[:, self.basis.on(g.device)]]  # [B, d, d], the images of the basis in rows
        found = (self._inverse.on(g.device) @ moved).transpose(1, 2)
        return found.round() if self.integral else found

    def images(self, matrices: np.ndarray, tolerance: float) -> np.ndarray | None:
        """How matrices [k, d, d] permute the vectors, int64 [k, degree]; None if one of them does not."""
        vectors = self.vectors.numpy()
        known = KnownVectors(vectors, tolerance)
        images = np.stack([known.numbers(vectors @ matrix.T) for matrix in matrices])
        return images if (np.sort(images, axis=1) == np.arange(len(vectors))).all() else None

    def holds(self, matrix: np.ndarray, chain: StabilizerChain, tolerance: float) -> bool:
        """Whether a matrix is in the group whose chain this is."""
        images = self.images(matrix[None], tolerance)
        return images is not None and bool(chain.contains(images).all())


def permuted_vectors(matrices: np.ndarray, tolerance: float) -> tuple[np.ndarray, VectorOrbits]:
    """Orbits of vectors that span the space, as short as they can easily be found, and how matrices permute them.

    Args:
        matrices: float64 [k, d, d], generators.
        tolerance: vectors closer than this, in every entry, are equal.

    Returns:
        Int64 [k, degree], image lists, and the vectors.

    Raises:
        RegrepError: the orbits are too long, since the group is infinite or too large, or its matrices are not exact.

    >>> signed = np.array([[[0.0, 1, 0], [1, 0, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]], np.diag([-1, 1, 1])])
    >>> images, orbits = permuted_vectors(signed, 1e-6)
    >>> images.shape, orbits.vectors.shape  # plus and minus the three axes
    ((3, 6), torch.Size([6, 3]))
    """
    integral = bool(np.abs(matrices - np.rint(matrices)).max() < tolerance)
    matrices = np.rint(matrices) if integral else matrices
    size = matrices.shape[1]
    found: list[np.ndarray] = []
    least = VECTORS
    for start in candidates(matrices)[:CANDIDATES]:
        known = any((KnownVectors(orbit, tolerance).numbers(start[None]) >= 0).all() for orbit in found)
        orbit = None if known else orbit_of(start, matrices, tolerance, least)
        if orbit is not None:
            found.append(orbit)
            if len(spanning(orbit, size, tolerance)) == size:
                least = min(least, len(orbit))
    vectors = np.zeros((0, size))
    for part in [*sorted(found, key=len), *np.eye(size)]:  # the axes for what the orbits do not span
        rank, wider = len(spanning(vectors, size, tolerance)), np.concatenate([vectors, np.atleast_2d(part)])
        if rank == size or len(spanning(wider, size, tolerance)) == rank:
            continue
        orbit = part if part.ndim == 2 else orbit_of(part, matrices, tolerance, VECTORS - len(vectors))
        if orbit is None:
            break
        vectors = np.concatenate([vectors, orbit])
    if len(spanning(vectors, size, tolerance)) < size or len(vectors) > VECTORS:
        raise RegrepError(
            f"groups of matrices above order 1000 permute at most {VECTORS} vectors, but these matrices generate more"
            " or an infinite group; check that they are exact"
        )
    orbits = VectorOrbits(vectors, integral, tolerance)
    images = orbits.images(matrices, tolerance)
    if images is None:
        raise RegrepError(
            "the matrices of a group permute the vectors of an orbit, but these do not within rounding; check that they"
            " are exact"
        )
    return images, orbits


def candidates(matrices: np.ndarray) -> list[np.ndarray]:
    """Vectors whose orbits may be short: the roots of reflections, the axes."""
    size = matrices.shape[1]
    starts = []
    for matrix in matrices:
        change = matrix - np.eye(size)
        if np.linalg.matrix_rank(change, tol=1e-3) == 1:
            starts.append(change[:, np.abs(change).sum(axis=0).argmax()])
    return [*starts, *np.eye(size)]


def orbit_of(start: np.ndarray, matrices: np.ndarray, tolerance: float, most: int) -> np.ndarray | None:
    """The vectors [m, d] that products of matrices take a vector to; None if there are more than ``most``."""
    orbit, front = KnownVectors(start[None], tolerance), start[None]
    while len(front):
        before = len(orbit.vectors)
        for matrix in matrices:
            reached = front @ matrix.T
            if not np.isfinite(reached).all() or np.abs(reached).max() > 1e12:
                return None
            orbit.add(reached[orbit.numbers(reached) < 0])  # different from each other, as those of the front are
            if len(orbit.vectors) > most:
                return None
        front = orbit.vectors[before:]
    return orbit.vectors


class KnownVectors:
    """Vectors [m, d], to be found again up to a tolerance: only those with about the same mark are compared.

    >>> known = KnownVectors(np.eye(2), 1e-6)
    >>> known.numbers(np.array([[0, 1 + 1e-9], [1, 1]])).tolist()
    [1, -1]
    """

    def __init__(self, vectors: np.ndarray, tolerance: float) -> None:
        self.vectors, self.tolerance = vectors, tolerance
        self._probe = np.random.default_rng(0).uniform(-1, 1, size=vectors.shape[1])
        self._spread = tolerance * np.abs(self._probe).sum()
        marks = vectors @ self._probe
        self._order = marks.argsort()
        self._marks = marks[self._order]

    def add(self, vectors: np.ndarray) -> None:
        """Put new vectors after the others."""
        marks = vectors @ self._probe
        order = marks.argsort()
        places = np.searchsorted(self._marks, marks[order])
        self._marks = np.insert(self._marks, places, marks[order])
        self._order = np.insert(self._order, places, order + len(self.vectors))
        self.vectors = np.concatenate([self.vectors, vectors])

    def numbers(self, vectors: np.ndarray) -> np.ndarray:
        """The number of each vector among the known ones, -1 for a new one; int64 [k]."""
        own = vectors @ self._probe
        low = np.searchsorted(self._marks, own - self._spread)
        high = np.searchsorted(self._marks, own + self._spread, side="right")
        found = np.full(len(vectors), -1)
        for step in range(int((high - low).max(initial=0))):
            near = np.flatnonzero((found < 0) & (low + step < high))
            other = self._order[low[near] + step]
            equal = np.abs(self.vectors[other] - vectors[near]).max(axis=1) < self.tolerance
            found[near[equal]] = other[equal]
        return found


def spanning(vectors: np.ndarray, most: int, tolerance: float) -> np.ndarray:
    """Numbers of vectors that are a basis of what all of them span, each as far from the others as possible.

    What is left of a vector counts as none below the tolerance, relative to the longest vector.
    """
    rest, chosen = vectors.astype(np.float64), []
    scale = np.linalg.norm(rest, axis=1).max(initial=0)
    for _ in range(min(most, len(vectors))):
        lengths = np.linalg.norm(rest, axis=1)
        best = int(lengths.argmax())
        if lengths[best] <= tolerance * scale:
            break
        chosen.append(best)
        unit = rest[best] / lengths[best]
        rest = rest - np.outer(rest @ unit, unit)
    return np.array(chosen, dtype=np.int64)
