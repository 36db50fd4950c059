"""Polycubes: counts by number of cubes, chirality, canonical forms, and the volumes drawn of them."""

import itertools

import numpy as np
import pytest
import torch

from regrep.actions import Rotate3d
from regrep.errors import RegrepError
from regrep.groups import full_octahedral, octahedral, rotation_matrices
from regrep_paper.data.polycubes import canonical, chiral_pairs, classes, mirrored, one_sided, volumes


def copies(cells, matrices):
    """All images of a polycube under the matrices, as sets of cubes moved to the origin."""
    moved = [np.array(cells) @ matrix.T for matrix in matrices]
    return {frozenset(map(tuple, (cubes - cubes.min(axis=0)).tolist())) for cubes in moved}


def touching(cells):
    reached, open_cells = set(), [cells[0]]
    while open_cells:
        cube = open_cells.pop()
        reached.add(cube)
        near = [c for c in cells if sum(abs(a - b) for a, b in zip(c, cube, strict=True)) == 1]
        open_cells += [c for c in near if c not in reached]
    return len(reached) == len(cells)


def test_counts():
    """OEIS A000162: polycubes up to rotation; 8 of 4 cubes, 29 of 5."""
    assert [len(one_sided(n)) for n in range(1, 6)] == [1, 1, 2, 8, 29]
    assert [len({min(cells, mirrored(cells)) for cells in one_sided(n)}) for n in range(1, 6)] == [1, 1, 2, 7, 23]
    for cells in one_sided(5):
        assert len(set(cells)) == 5
        assert touching(cells)


def test_no_rotation_links_two_of_them():
    images = [copies(cells, rotation_matrices()) for cells in one_sided(5)]
    assert not any(one & other for one, other in itertools.combinations(images, 2))


def test_chiral_pairs_are_mirror_images_and_no_rotations_of_each_other():
    for left, right in chiral_pairs(5):
        rotated = copies(left, rotation_matrices())
        assert frozenset(right) in copies(left, -rotation_matrices())
        assert frozenset(right) not in rotated
        assert frozenset(left) in rotated
    flat = canonical(((0, 0, 0), (1, 0, 0), (1, 1, 0)))
    assert mirrored(flat) == flat  # the mirror image of a flat one is a rotated copy
    assert classes()[1] == mirrored(classes()[0])
    assert len(set(classes())) == 12


def test_volumes_show_the_polycube():
    """Its cubes are where their coordinates say, x along the last axis."""
    cells = ((0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 1, 1))
    drawn = volumes([cells] * 64, 28, torch.Generator().manual_seed(0)).float().mean(0)
    middles = (torch.tensor(cells) - torch.tensor([1.0, 0.5, 0.5])) * 6 + 14  # an edge is 0.22 of the side
    beyond = middles[3:] * torch.tensor([-1, 1, 1]) + torch.tensor([28, 0, 0])
    cubes, empty = (torch.stack([drawn[z, y, x] for x, y, z in where.long()]) for where in (middles, beyond))
    assert cubes.min() > 180
    assert empty.max() < 125  # over the other end of the rod there is the ground alone


def test_a_rotation_of_the_volume_is_one_of_the_polycube():
    """Turning cubes and turning the volume are one thing, so that labels are invariant; a mirror is another."""
    act, full = Rotate3d(octahedral()), Rotate3d(full_octahedral())
    cells = classes()[0]

    def clean(shape):
        return volumes([shape] * 200, 12, torch.Generator().manual_seed(0)).float().mean(0)

    for k in (1, 7, 23):
        turned = np.array(cells) @ rotation_matrices()[k].T
        drawn = clean(tuple(map(tuple, (turned - turned.min(axis=0)).tolist())))
        moved = act(clean(cells)[None], torch.tensor([k]))[0]
        mirror = full(clean(cells)[None], torch.tensor([k + 24]))[0]
        assert (drawn - moved).abs().mean() < 0.2 * (drawn - mirror).abs().mean()


def test_sizes_places_blur_and_noise_are_drawn_as_described():
    """The mean volume of a single cube: what it holds and how wide it is follow from the ranges of the draws."""
    size, count = 16, 400
    drawn = volumes([((0, 0, 0),)] * count, size, torch.Generator().manual_seed(0)).double() / 255
    corner = drawn[:, :3, :3, :3] - 0.45
    assert abs(float(corner.mean())) < 0.003
    assert float(corner.std()) == pytest.approx(0.06, rel=0.05)
    excess = drawn.mean(0) - 0.45
    third, fifth = ((0.25**k - 0.19**k) / (0.06 * k) for k in (4, 6))  # means of the edge's powers
    total = float(excess.sum())
    assert total == pytest.approx(0.425 * third * size**3, rel=0.05)
    place = torch.arange(size) + 0.5 - size / 2
    wide = fifth / third * (1 / 12 + 0.25**2) + 0.06**2 / 3  # of the cube and its blur, and of its shift
    for axes in ((1, 2), (0, 2), (0, 1)):
        profile = excess.sum(dim=axes)
        assert float((profile * place).sum()) / total == pytest.approx(0, abs=0.2)
        assert float((profile * place**2).sum()) / total == pytest.approx(wide * size**2, rel=0.1)


def test_draws_depend_on_the_generator_alone():
    one, same, other = (volumes(classes(), 10, torch.Generator().manual_seed(k)) for k in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.dtype == torch.uint8


def test_no_cubes_is_no_polycube():
    with pytest.raises(RegrepError, match="at least one cube, got 0"):
        one_sided(0)
