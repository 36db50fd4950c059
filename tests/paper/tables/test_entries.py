"""The networks of the tables, entered a second time: most are built only where the steerable library is installed."""

from regrep_paper.tables.index import entries

NETWORKS = """
    ddmnist cnn C4 33742 none 0 -
    ddmnist cnn D1 33742 none 0 -
    ddmnist cnn D4 33742 none 0 -
    ddmnist scnn C4 116632 invariant 0 +
    ddmnist scnn D1 28132 invariant 0 +
    ddmnist scnn D4 145636 invariant 0 +
    ddmnist restriction C4 124192 equivariant_up_to_the_fourth_block 0 +
    ddmnist restriction D1 33316 equivariant_up_to_the_fourth_block 0 +
    ddmnist restriction D4 169828 equivariant_up_to_the_fourth_block 0 +
    ddmnist rpp C4 793696 none 0 +
    ddmnist rpp D1 78340 none 0 +
    ddmnist rpp D4 1733404 none 0 +
    ddmnist pscnn C4 447496 invariant_until_its_likelihood_learns_otherwise 61920 +
    ddmnist pscnn D1 38596 invariant_until_its_likelihood_learns_otherwise 0 +
    ddmnist pscnn D4 1040332 invariant_until_its_likelihood_learns_otherwise 185760 +
    ddmnist projection C4 33742 none 0 -
    ddmnist projection D1 33742 none 0 -
    ddmnist projection D4 33742 none 0 -
    medmnist3d cnn O 141998 none 0 -
    medmnist3d scnn-so3 SO(3) 128450 invariant 0 +
    medmnist3d rpp-so3 SO(3) 18263786 none 0 +
    medmnist3d pscnn-so3 SO(3) 1593635 invariant_until_its_likelihood_learns_otherwise 2572704 +
    medmnist3d scnn-o3 O(3) 192800 invariant 0 +
    medmnist3d rpp-o3 O(3) 29292200 none 0 +
    medmnist3d pscnn-o3 O(3) 3511682 invariant_until_its_likelihood_learns_otherwise 0 +
    medmnist3d projection O 141998 none 0 -
    smoke cnn C4 247850 none 0 -
    smoke mlp C4 8324992 none 0 -
    smoke e2cnn C4 622656 equivariant 0 +
    smoke rpp C4 4355650 none 4 +
    smoke lift C4 8227652 none 0 +
    smoke rgroup C4 1874632 equivariant,_vectors_taken_for_scalars 0 -
    smoke rsteer C4 5595442 none 736 +
    smoke pscnn C4 2487332 equivariant_until_its_likelihood_learns_otherwise 633696 -
    smoke projection C4 247850 none 0 -
    single-digits cnn D4 89898 none 0 -
"""
"""Experiment, network, group, trained and redundant parameters, symmetry before training, and what needs escnn.

Counted with the published code: where escnn is installed, networks are also built and counted.
"""


def test_networks_of_the_tables(monkeypatch):
    lines = [line.split() for line in NETWORKS.split("\n")[1:-1]]
    found = [
        [one.experiment, one.network, one.group, str(one.parameters), one.symmetry.replace(" ", "_"),
         str(one.redundant), "+" if one.steerable else "-"]
        for one in entries()
    ]  # fmt: skip
    assert found == lines
    for name in ("ddmnist", "medmnist3d", "smoke", "single-digits", "tmnist"):
        assert entries(name) == [one for one in entries() if one.experiment == name]
    for there in (None, "found"):
        monkeypatch.setattr("regrep_paper.tables.network.find_spec", lambda name, there=there: there)
        assert all(one.available == (there is not None or not one.steerable) for one in entries())


def test_sizes_that_counts_belong_to():
    """Networks of the tables are built with these; those under continuous groups are named as the library does."""
    for one in entries():
        sizes = {
            "ddmnist": {"group": one.group, "latent": one.latent[0], "classes": 100},
            "medmnist3d": {"classes": 2, "width": 6, "size": 28},
            "smoke": {"width": 92, "frames": 10, "size": 64},
            "single-digits": {"latent": 64, "classes": 10},
        }[one.experiment]
        if one.group in ("SO(3)", "O(3)"):
            sizes["group"] = {"SO(3)": "SO3", "O(3)": "O3"}[one.group]
        assert one.sizes == sizes, one
