"""Table 5 and its data agree."""

from regrep_paper.data import medmnist, polycubes
from regrep_paper.tables.table5 import CLASSES


def test_the_table_counts_the_classes_of_its_sources():
    assert {name: len(release.labels) for name, release in medmnist.SETS.items()} == {
        name: count for name, count in CLASSES.items() if name != "polycubes"
    }
    assert CLASSES["polycubes"] == len(polycubes.classes())
