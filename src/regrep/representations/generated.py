"""Representations from the matrices of generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.multiplication import closure
from regrep.groups.tolerances import tolerance
from regrep.groups.words import spanning_tree
from regrep.representations.representation import MatrixRepresentation, check_group


def representation_from(group: FiniteGroup, matrices: Mapping[Any, Any], name: str = "rho") -> MatrixRepresentation:
    """The representation with these matrices on elements that generate the group; the others are their products.

    Args:
        group: the group.
        matrices: for each of some elements (by name, by index, or by the name of a generator in ``group.presentation``)
            its matrix [d, d], as tensor, array or nested lists. The elements generate the group.
        name: name of the representation.

    Raises:
        RegrepError: the elements do not generate the group, the matrices are not square of one size, or they do not
            satisfy the relators of the group.

    >>> import regrep
    >>> G = regrep.groups.dihedral(4)
    >>> rho = representation_from(G, {"r": [[0, -1], [1, 0]], "s": [[-1, 0], [0, 1]]})
    >>> rho.matrix("rs").int().tolist(), rho.multiplicities()["E"]
    ([[0, -1], [-1, 0]], 1.0)
    >>> representation_from(G, {"r": [[0, -1], [1, 0]], "s": [[1, 1], [0, -1]]})
    Traceback (most recent call last):
    regrep.errors.RegrepError: the relator (r s)^2 of D4 is the identity, but for the matrices of rho it is another \
matrix, by 1.0e+00 (limit 1e-06); check the matrices of its generators
    """
    check_group(group)
    if not isinstance(matrices, Mapping) or not matrices:
        raise RegrepError(f"the matrices of generators are a dictionary by element, got {shown(matrices)}")
    steps = [_element(group, key) for key in matrices]
    values = [_matrix(key, value) for key, value in matrices.items()]
    sizes = {tuple(value.shape) for value in values}
    if len(sizes) != 1:
        raise RegrepError(f"the matrices of generators have one size, got {shown(sorted(sizes))}; check them")
    table = group.mul.numpy()
    if len(closure(table, steps)) < group.order:
        raise RegrepError(
            f"matrices are needed for elements that generate {group.name}, but {shown(list(matrices))} do not;"
            f" give those of {', '.join(group.names[g] for g in group.generators)}"
        )
    limit = max(tolerance(value.dtype) for value in values)
    given = np.stack([value.double().numpy() for value in values])
    tree = steps
    if set(group.generators) <= set(steps):
        tree = list(group.generators)
        _check_relators(group, {step: given[steps.index(step)] for step in tree}, name, limit)
    stack = np.empty((group.order, *given.shape[1:]))
    stack[0] = np.eye(given.shape[1])
    for a, k, b in spanning_tree(table[:, tree].T):
        stack[b] = stack[a] @ given[steps.index(tree[k])]
    for k, step in enumerate(steps):
        if np.abs(stack[step] - given[k]).max() > limit * max(1.0, np.abs(given).max() ** 2):
            raise RegrepError(
                f"the matrix of {group.names[step]} is not the product of the other matrices that it is in"
                f" {group.name}; check it, or leave it out"
            )
    precision = torch.float64 if limit == tolerance(torch.float64) else torch.float32
    return MatrixRepresentation(group, torch.from_numpy(stack).to(precision), name)


def _element(group: FiniteGroup, key: Any) -> int:
    """Index of an element, or of a generator by its name in the presentation."""
    letters = group.presentation_given.names if group.presentation_given is not None else ()
    if isinstance(key, str) and key not in group.names and key in letters:
        return group.generators[letters.index(key)]
    return group.index(key)


def _matrix(key: object, value: Any) -> Tensor:
    """A real square matrix on the CPU."""
    try:
        matrix = value.detach().cpu() if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError, NotImplementedError) as error:  # the last one from the meta device
        raise RegrepError(f"the matrix of {shown(key)} is a square array of numbers, got {shown(value)}") from error
    if matrix.dim() != 2 or not 0 < matrix.shape[0] == matrix.shape[1] or matrix.is_complex():
        raise RegrepError(f"the matrix of {shown(key)} is real and square, got shape {list(matrix.shape)}")
    if not bool(matrix.isfinite().all()) or abs(float(torch.linalg.det(matrix.double()))) < 1e-2:
        raise RegrepError(f"the matrix of {shown(key)} is finite and invertible, but it is not; check its entries")
    return matrix


def _check_relators(group: FiniteGroup, matrices: dict[int, np.ndarray], name: str, limit: float) -> None:
    """Raise for the first relator that the matrices do not satisfy."""
    presentation = group.presentation
    letters = {}
    for k, element in enumerate(group.generators):
        letters[k + 1], letters[-k - 1] = matrices[element], np.linalg.inv(matrices[element])
    for relator in presentation.relators:
        found = np.eye(len(next(iter(matrices.values()))))
        for letter in relator:
            found = found @ letters[letter]
        error = np.abs(found - np.eye(len(found))).max()
        if not error <= limit * max(1, len(relator)) * max(1.0, max(np.abs(m).max() for m in letters.values()) ** 2):
            raise RegrepError(
                f"the relator {presentation.word_text(relator)} of {group.name} is the identity, but for the matrices"
                f" of {name} it is another matrix, by {error:.1e} (limit {limit:.0e}); check the matrices of its"
                " generators"
            )
