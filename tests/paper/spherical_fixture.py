"""What the tests of spherical likelihoods share: a quick grid, exact means over SO(3) and O(3), moved likelihoods."""

import math

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from regrep_paper.steerable import spherical

GROUPS = ("SO3", "O3")


def quick_grid():
    """The turns of an icosahedron in place of rotations that repel each other, which take half a minute."""
    return torch.from_numpy(Rotation.create_group("I").as_matrix())


def haar(degree):
    """Rotations [n, 3, 3] and weights [n] that integrate products of matrix coefficients up to a total degree."""
    angles = 2 * math.pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
    cosines, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(degree // 2 + 1))
    a, b, c = torch.meshgrid(angles, cosines.acos(), angles, indexing="ij")
    weights = weights[None, :, None].expand_as(a).flatten() / (2 * len(angles) ** 2)
    return turns(a, (0, 1)) @ turns(b, (0, 2)) @ turns(c, (0, 1)), weights


def turns(angles, plane):
    """Rotations by angles in a plane of two axes."""
    angles = angles.flatten()
    matrices = torch.eye(3, dtype=torch.float64).repeat(len(angles), 1, 1)
    i, j = plane
    matrices[:, i, i] = matrices[:, j, j] = angles.cos()
    matrices[:, i, j], matrices[:, j, i] = -angles.sin(), angles.sin()
    return matrices


def elements(group, degree):
    """Orthogonal matrices, whether each is a rotation times the inversion, and weights of sum 1."""
    rotations, weights = haar(degree)
    sides = [False, True] if group == "O3" else [False]
    return [(rotations, inverted, weights / len(sides)) for inverted in sides]


def moved(group, scale=0.3, seed=0):
    """A likelihood in double precision with coefficients that are not those of the uniform one."""
    likelihood = spherical.SphericalLikelihood(group).double()
    draw = torch.randn(len(likelihood.coefficients), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        likelihood.coefficients += scale * draw
    return likelihood
