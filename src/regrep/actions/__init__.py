"""How groups move data."""

from regrep.actions.action import Action
from regrep.actions.images import RotateFlip2d
from regrep.actions.rotation import rotate
from regrep.actions.sampling import sample
from regrep.actions.side_by_side import SideBySide

__all__ = ["Action", "RotateFlip2d", "SideBySide", "rotate", "sample"]
