"""The plain CNNs, with a penalty on the part of their weights that is not equivariant.

The symmetry of a latent is the one that the penalty pulls it towards; a new network has none.
"""

from __future__ import annotations

from regrep.actions import Rotate3d, RotateFlip2d, VectorField2d
from regrep.actions.images import plane_matrices
from regrep.groups import cyclic, octahedral, parse
from regrep.nn import LatentSymmetry
from regrep.nn.projection import WEIGHT, ProjectionPenalty, hidden
from regrep.representations import MatrixRepresentation, trivial
from regrep.representations.layouts import FeatureMap
from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.networks.volume_cnn import VolumeCNN


class ProjectionDoubleDigitCNN(ProjectionPenalty, DoubleDigitCNN):
    """:class:`DoubleDigitCNN` pulled towards outputs that are invariant when G transforms the *whole canvas*.

    G is C4, D1 or D4, not G x G: convolutions cannot transform the two digits separately. A half turn exchanges the
    digits and is pulled towards leaving the class unchanged; a large weight makes the network as blind to their order
    as the steerable ones of Table 4. Arguments as for that class, and the ``weight`` of the penalty.

    >>> network = ProjectionDoubleDigitCNN("C4")
    >>> sum(p.numel() for p in network.parameters())
    33742
    >>> network.project_()
    >>> network.regularizer().item() < 1e-10
    True
    """

    def __init__(self, group: str = "D4", latent: int = 66, classes: int = 100, weight: float = WEIGHT) -> None:
        super().__init__(latent, classes)
        act = RotateFlip2d(parse(group))
        self.penalise(act.pixels, trivial(act.group), trivial(act.group, classes), weight)
        self.symmetry = LatentSymmetry(act, hidden(act.group, latent), "the whole canvas")

    def latent_symmetry(self) -> LatentSymmetry:
        """The penalty's symmetry, up to the doubled row and column that give a canvas an odd size."""
        return self.symmetry


class ProjectionVolumeCNN(ProjectionPenalty, VolumeCNN):
    """:class:`VolumeCNN` pulled towards invariance under the cube's 24 rotations; ``weight`` of the penalty."""

    def __init__(self, classes: int, width: int = 6, size: int = 28, weight: float = WEIGHT) -> None:
        super().__init__(classes, width, size)
        act = Rotate3d(octahedral())
        self.penalise(act.pixels, trivial(act.group), trivial(act.group, classes), weight)
        self.symmetry = LatentSymmetry(act, hidden(act.group, 8 * width))

    def latent_symmetry(self) -> LatentSymmetry:
        """The penalty's symmetry, up to the doubled plane that gives a volume an odd size."""
        return self.symmetry


class ProjectionSmokeCNN(ProjectionPenalty, SmokeCNN):
    """:class:`SmokeCNN` pulled towards equivariance under quarter turns of fields and their vectors, rows along +y.

    Takes the ``weight`` of the penalty.
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64, weight: float = WEIGHT) -> None:
        super().__init__(width, frames, size)
        group = cyclic(4)
        vector = MatrixRepresentation(group, plane_matrices(group), "vector")
        act = VectorField2d(group, rows="up")
        self.penalise(act.pixels, frames * vector, vector, weight)
        rho = FeatureMap(hidden(group, width), act.pixels(size), (size, size))
        self.symmetry = LatentSymmetry(act, rho, "frames and their vectors, rows upwards")

    def latent_symmetry(self) -> LatentSymmetry:
        """The penalty's symmetry, exact if the penalty is 0 and statistics agree within each regular copy."""
        return self.symmetry
