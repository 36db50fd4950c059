"""Digits turned and mirrored: elements, views, angles without an action."""

import pytest
import torch

pytest.importorskip("PIL")

from regrep.actions import RotateFlip2d, rotate
from regrep.actions.images import plane_matrices
from regrep.groups import dihedral
from regrep_paper.data.turned_digits import TurnedDigits, element_matrices
from tolerance import assert_near


def test_the_elements_of_d3_are_those_of_the_action():
    assert_near(element_matrices(120), plane_matrices(dihedral(3)))
    published = element_matrices(60)
    assert float((published[1] @ published[2] - published[0]).abs().max()) > 1  # r r² = e fails


def test_digits_are_moved_as_the_action_moves_them(make):
    module = make(TurnedDigits, augment=False)
    assert isinstance(module.action, RotateFlip2d)
    fixed = module.splits["train"][torch.arange(60), 0]
    pair = module.views(fixed)
    upright = fixed.images.float() / 255
    assert float((pair.x - upright).abs().max()) < 1e-4
    assert float((pair.gx - module.action(upright, pair.g)).abs().max()) < 1e-4
    wrong = module.action(upright, module.group.inverse[pair.g])
    assert float((pair.gx - wrong).abs().max()) > 0.5


def test_digits_at_an_angle_are_moved_up_to_one_more_interpolation(make):
    module = make(TurnedDigits)
    pair = module.views(module.splits["train"][torch.arange(60), 0])
    assert module.action is not None
    missed = (pair.gx - module.action(pair.x, pair.g)).norm() / pair.gx.norm()
    wrong = (pair.gx - module.action(pair.x, module.group.inverse[pair.g])).norm() / pair.gx.norm()
    assert missed < 0.2 < 0.4 < wrong
    turned = pair.g != 0
    sharpness = [x[turned].square().mean() for x in (pair.x, pair.gx)]
    assert sharpness[1] == pytest.approx(sharpness[0].item(), rel=0.02)


def test_another_angle_has_no_action(make):
    module = make(TurnedDigits, angle=60.0)
    assert module.action is None
    pair = module.views(module.splits["train"][torch.arange(60), 0])
    r = pair.g == 1
    assert (pair.gx[r] - rotate(pair.x[r], torch.full((int(r.sum()),), 60.0))).norm() < 0.2 * pair.gx[r].norm()
