"""How a rotation moves a field, point by point: an oracle without indices of whole tensors."""

import itertools

import numpy as np
import torch


def distinct(*shape):
    """A batch of one whose entries all differ, int64 [1, *shape]."""
    return torch.arange(1, 1 + int(np.prod(shape))).reshape(1, *shape)


def by_loop(field, matrix, axes="zyx", value=lambda one: one):
    """(g f)(p) = rho(g) f(g^-1 p): f [C, a, b, c] with axes of these names, centre in the middle; value is rho(g)."""
    moved = np.zeros_like(field)
    middle = (np.array(field.shape[1:]) - 1) / 2
    places = ["xyz".index(name) for name in axes]
    for index in itertools.product(*map(range, field.shape[1:])):
        point = np.empty(3)
        point[places] = np.array(index) - middle
        there = tuple(np.rint((matrix @ point)[places] + middle).astype(int))
        moved[(slice(None), *there)] = value(field[(slice(None), *index)])
    return moved
