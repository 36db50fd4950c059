"""How groups act on data: batched, one element per sample."""

from regrep.actions.action import Action
from regrep.actions.fields import VectorField2d
from regrep.actions.images import RotateFlip2d
from regrep.actions.lattice import LatticeAction
from regrep.actions.permute import Fix, Labels, Permute
from regrep.actions.points import Boxes2d, Points2d
from regrep.actions.rotation import resample, rotate
from regrep.actions.sampling import sample
from regrep.actions.side_by_side import SideBySide
from regrep.actions.trees import TreeAction
from regrep.actions.volumes import Rotate3d

__all__ = [
    "Action",
    "Boxes2d",
    "Fix",
    "Labels",
    "LatticeAction",
    "Permute",
    "Points2d",
    "Rotate3d",
    "RotateFlip2d",
    "SideBySide",
    "TreeAction",
    "VectorField2d",
    "resample",
    "rotate",
    "sample",
]
