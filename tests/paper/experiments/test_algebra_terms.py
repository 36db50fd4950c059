"""What the losses of section 4 add to the relations of the group (appendix B)."""

import pytest

from regrep_paper.experiments.learning import CIFAR10, MNIST, TMNIST


@pytest.mark.parametrize(
    ("experiment", "relators", "inverses"),
    [
        (TMNIST, None, 1.0),  # Eq. (6): the matrices and their inverses
        (MNIST, {"r^3": 0.5, "s^2": 0.5, "(r s)^2": 0.1}, 0.0),  # Eq. (7)
        (CIFAR10, None, 1.0),  # Eq. (8)
    ],
)
def test_weights_of_relators_and_of_inverses(experiment, relators, inverses):
    latent = experiment().objective.latent
    assert (experiment.relator_weights, experiment.regularizer) == (relators, inverses)
    assert latent.regularizer == inverses
