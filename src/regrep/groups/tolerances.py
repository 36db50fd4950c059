"""When matrices count as those of a group: one tolerance per precision, and the exact representation that is near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from regrep.groups.words import spanning_tree

DOUBLE = 1e-6
"""Matrices of double precision closer than this (largest entry) count as equal."""

SINGLE = 1e-4
"""The same for matrices of half and single precision."""

EXACT = 1e-10
"""Matrices that multiply as their elements up to this are kept as they are; others are polished."""

ROUNDS = 4
"""The error is squared in each round of polishing: from 1e-4 to rounding in two, the others are spare."""


def tolerance(dtype: np.dtype | torch.dtype) -> float:
    """Distance at which two entries count as equal.

    >>> tolerance(torch.float32), tolerance(np.dtype(float)), tolerance(torch.int64)
    (0.0001, 1e-06, 1e-06)
    """
    floating = dtype.is_floating_point if isinstance(dtype, torch.dtype) else dtype.kind == "f"
    return SINGLE if floating and dtype.itemsize < 8 else DOUBLE


def defect(mul: np.ndarray, generators: Sequence[int], stack: np.ndarray) -> float:
    """Largest entry of rho(e) - 1 and of rho(s) rho(g) - rho(sg), relative to the squared size of the matrices.

    >>> from regrep.groups import cyclic
    >>> defect(cyclic(2).mul.numpy(), (1,), np.array([[[1.0]], [[-1.5]]])) # (1.5² - 1) / 1.5²
    0.5555555555555556
    """
    found = np.abs(stack[0] - np.eye(stack.shape[1])).max()
    for s in generators:
        found = max(found, np.abs(stack[s] @ stack - stack[mul[s]]).max())
    return float(found / max(1.0, np.abs(stack).max() ** 2))


def polished(mul: np.ndarray, generators: Sequence[int], stack: np.ndarray) -> np.ndarray:
    """The representation near matrices that multiply almost as the elements of a group, to rounding.

    The mean over h of rho(gh) rho(h)^-1 multiplies as g does up to the square of the error; it is taken for the
    generators, and the other matrices are their products. Matrices that are exact already are returned as they are.

    Args:
        mul: the multiplication table.
        generators: elements that generate the group.
        stack: float64 [n, d, d], in the order of the elements.

    >>> from regrep.groups import cyclic
    >>> rough = np.array([[[1.0]], [[-1.00001]]])
    >>> polished(cyclic(2).mul.numpy(), (1,), rough).ravel().tolist()
    [1.0, -1.0]
    """
    right = mul[:, list(generators)].T.reshape(len(generators), len(mul))
    tree = list(spanning_tree(right)) if defect(mul, generators, stack) > EXACT else []
    for _ in range(ROUNDS if tree else 0):
        inverses = np.linalg.inv(stack)
        steps = [(stack[mul[s]] @ inverses).mean(axis=0) for s in generators]
        stack = np.empty_like(stack)
        stack[0] = np.eye(stack.shape[1])
        for a, k, b in tree:
            stack[b] = stack[a] @ steps[k]
        if defect(mul, generators, stack) < 1e-4 * EXACT:
            break
    return stack
