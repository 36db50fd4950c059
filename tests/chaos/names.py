"""Names of the library that random calls call."""

from regrep import actions, comparison, diagnostics, groups, objectives, representations
from regrep import nn as layers

BUILDERS = {
    groups: [
        *("alternating", "cyclic", "dihedral", "evaluate", "from_matrices", "from_permutations", "from_presentation"),
        *("from_table", "parse", "product", "quaternion", "real_characters", "symmetric"),
        *("Homomorphism", "conjugate_subgroups", "homomorphism", "point_group", "quotient", "subgroup"),
    ],
    representations: [
        *("DirectSum", "FeatureMap", "LearnedRepresentation", "MatrixRepresentation", "PermutationRepresentation"),
        *("Tokens", "direct_sum", "irreps", "latent", "natural", "regular", "restrict", "sign", "standard", "trivial"),
        *("cosets", "defining", "det", "latent_representation", "of_factor", "pullback", "representation_from"),
        *("subsets", "tuples"),
    ],
    actions: [
        *("Boxes2d", "Fix", "FunctionAction", "KeyPoints", "Labels", "LatticeAction", "OnDims", "Pair", "PairIndex"),
        *("Permute", "Points", "Points2d", "Pullback", "Rotate3d", "RotateFlip2d", "SideBySide", "SignedPermute"),
        *("TensorField3d", "Then", "TreeAction", "VectorField2d", "VectorField3d", "check_law", "resample", "rotate"),
        "sample",
    ],
    objectives: [
        *("EquivariantObjective", "RandomPermutations", "RepresentationObjective", "RolloutObjective", "Tap"),
        "advance",
        *("centred_error", "equivariance_loss", "moving_part", "moving_share", "relative_error", "roll_out", "whiten"),
        *("DualWeight", "latent_of", "output_consistency", "whitened_error"),
    ],
    diagnostics: [
        *("equivariance_error", "linear_equivariance", "nearest_representation", "profile", "suggest_latent"),
        "through_rho",
    ],
    layers: ["EncoderHead", "GroupAveraged", "LatentSymmetry", "MeanTeacher", "ProjectionPenalty", "Reynolds"],
    comparison: [
        *("Arm", "Metric", "PairedInterval", "Splits", "Task", "choose", "compare", "evaluate", "holm", "interval_of"),
        *("plan", "train", "verdict"),
    ],
}
"""What is called directly."""

METHODS = (
    *("__call__", "__matmul__", "apply_to_group", "average", "character_of", "contains", "element", "index"),
    *("inverse", "invert", "join", "keeping", "matrices", "matrix", "multiplicities", "multiply", "pixels", "power"),
    *("pullback", "round_trip_error", "sample", "scores", "splits", "split", "subgroup", "subgroups"),
)
"""What is called on what was made, where it has them."""
