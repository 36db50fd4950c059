"""How groups act on data: batched, one element per sample."""

from regrep.actions.composed import Pair, Then
from regrep.actions.draws import Draws
from regrep.actions.fields import VectorField2d
from regrep.actions.functions import FunctionAction, check_law
from regrep.actions.images import RotateFlip2d
from regrep.actions.lattice import LatticeAction
from regrep.actions.permute import Fix, Labels, Permute
from regrep.actions.placing import OnDims, PairIndex, Pullback
from regrep.actions.points import Boxes2d, KeyPoints, Points, Points2d
from regrep.actions.rotation import resample, rotate
from regrep.actions.sampling import sample
from regrep.actions.side_by_side import SideBySide
from regrep.actions.signed import SignedPermute
from regrep.actions.tensor_fields import TensorField3d, VectorField3d
from regrep.actions.trees import Product, TreeAction
from regrep.actions.volumes import Rotate3d
from regrep.groups.action import Action

__all__ = [
    "Action",
    "Boxes2d",
    "Draws",
    "Fix",
    "FunctionAction",
    "KeyPoints",
    "Labels",
    "LatticeAction",
    "OnDims",
    "Pair",
    "PairIndex",
    "Permute",
    "Points",
    "Points2d",
    "Product",
    "Pullback",
    "Rotate3d",
    "RotateFlip2d",
    "SideBySide",
    "SignedPermute",
    "TensorField3d",
    "Then",
    "TreeAction",
    "VectorField2d",
    "VectorField3d",
    "check_law",
    "resample",
    "rotate",
    "sample",
]
