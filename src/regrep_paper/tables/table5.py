"""Table 5: networks and methods on MedMNIST3D, under the rotations of the cube (section 6.2, appendix C.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from regrep.errors import RegrepError
from regrep_paper.tables.columns import LATENT, Experiment, Measure
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.methods import check_method, weight_of
from regrep_paper.tables.network import INVARIANT, LEARNED, PLAIN, WITHOUT, Entry
from regrep_paper.tables.protocol import protocol_in
from regrep_paper.tables.published import PaperTable, parse_entries
from regrep_paper.tables.setting import Setting, of_data, of_model, of_run

VolumeSource = Literal["polycubes", "organ", "nodule", "adrenal", "fracture", "vessel", "synapse"]
"""Sources: generated volumes, or a data set of MedMNIST3D."""

CLASSES = {"polycubes": 12, "organ": 11, "nodule": 2, "adrenal": 2, "fracture": 3, "vessel": 2, "synapse": 2}
"""Sources and their numbers of classes."""

LEARNING_RATE = {"nodule": 5e-5}
"""Learning rate of all methods; 1e-4 for synapse and organ, and for the sets that the paper leaves out (Table 10)."""

ONE_CYCLE_RATE = 1e-3
"""Peak rate of a schedule that rises and decays, for every source and method; not from the paper."""

WEIGHT = {"organ": 2.0}
"""Weight of the mean-squared penalty; 1 for all others (Table 10)."""


def classes_of(source: VolumeSource) -> int:
    """Number of classes of a source.

    >>> classes_of("organ"), classes_of("polycubes")
    (11, 12)
    """
    if source not in CLASSES:
        raise RegrepError(f"volumes come from {', '.join(CLASSES)}, got {source!r}")
    return CLASSES[source]


def rate(config: Mapping[str, Any]) -> float:
    """Learning rate of a config."""
    if config["learning_rate"] is not None:
        return float(config["learning_rate"])
    if protocol_in(config).schedule == "onecycle":
        return ONE_CYCLE_RATE
    return LEARNING_RATE.get(config["data"], 1e-4)


def weight(config: Mapping[str, Any]) -> float:
    """Weight of the penalty of a config."""
    return weight_of(config["method"], config["weight"], WEIGHT.get(config["data"], 1.0))


def _network(
    network: str,
    group: str,
    parameters: int,
    builder: str,
    symmetry: str = WITHOUT,
    redundant: int = 0,
    steerable: bool = True,
) -> Entry:
    """A network of width 6; the steerable ones are built for a continuous group."""
    sizes: dict[str, Any] = {"classes": 2, "width": 6, "size": 28}
    if steerable:
        sizes["group"] = {"SO(3)": "SO3", "O(3)": "O3"}[group]
    path = f"regrep_paper.networks.{builder}"
    return Entry("medmnist3d", network, group, (48,), parameters, path, sizes, symmetry, redundant, steerable)


DEFINITION = Definition(
    name="medmnist3d",
    model="regrep_paper.experiments.medmnist3d:MedMNIST3D",
    data="regrep_paper.data.volumes:MovedVolumes",
    settings=(
        Setting("group", None, "O"),
        Setting("method", "model.method", "ours", also="data.method", check=check_method),
        *of_model(width=6, copies=None, learning_rate=rate, weight=weight, fraction=1.0, select="moved"),
        Setting("network", "model.network", PLAIN, quiet=True),
        Setting("data", "data.source", "polycubes", also="model.source", check=classes_of),
        Setting("size", "data.size", 28, also="model.size"),
        *of_data(any_file=False, per_class=None, batch_size=32),
        *of_run(epochs=150, model=True),
    ),
    columns=Experiment(
        title="MedMNIST3D",
        results=(
            Measure("test accuracy", "test", "accuracy", 1),
            Measure("upright accuracy", "test", "accuracy_upright", 1),
        ),
        others=(
            Measure("AUC", "test", "auc"),
            Measure("upright AUC", "test", "auc_upright"),
            *LATENT,
        ),
        task=("data", "group", "size", "any_file", "per_class"),
        usual={"width": 6, "select": "moved", "any_file": False},
        words={"select": "epoch chosen on {} volumes"},
    ),
    # Accuracy on upright test volumes by data set; ours with the group S4, the rotations of the cube.
    paper=PaperTable(
        name="Table 5",
        entries=parse_entries(
            "nodule             synapse            organ",
            {
                "CNN": "          .873 .005 0.19     .716 .008 0.19     .920 .003 0.19",
                "CNN augmented": ".879 .007 0.19     .761 .008 0.19     .632 .005 0.19",
                "SCNN SO(3)": "   .873 .002 0.13     .738 .009 0.13     .607 .006 0.13",
                "RPP SO(3)": "    .801 .003 18.3     .695 .037 18.3     .936 .002 18.3",
                "PSCNN SO(3)": "  .871 .001 4.17     .770 .030 4.17     .902 .006 4.17",
                "SCNN O(3)": "    .868 .009 0.19     .743 .004 0.19     .902 .006 0.19",
                "RPP O(3)": "     .810 .013 29.3     .722 .023 29.3     .940 .006 29.3",
                "PSCNN O(3)": "   .873 .008 3.51     .769 .005 3.51     .905 .004 3.51",
                "Ours": "         .887 .005 0.19     .770 .002 0.19     .642 .056 0.19",
            },
        ),
        rows={
            **{"cnn": "CNN", "cnn-augmented": "CNN augmented", "ours": "Ours"},
            **{"scnn-so3": "SCNN SO(3)", "rpp-so3": "RPP SO(3)", "pscnn-so3": "PSCNN SO(3)"},
            **{"scnn-o3": "SCNN O(3)", "rpp-o3": "RPP O(3)", "pscnn-o3": "PSCNN O(3)"},
        },
        columns="data",
        conditions={"size": 28, "any_file": False},
        metric="accuracy_upright",
    ),
    networks=(
        _network(PLAIN, "O", 141_998, "volume_cnn:VolumeCNN", steerable=False),
        _network("scnn-so3", "SO(3)", 128_450, "volume_scnn:VolumeSCNN", INVARIANT),
        _network("rpp-so3", "SO(3)", 18_263_786, "volume_rpp:VolumeRPP"),
        _network(
            "pscnn-so3", "SO(3)", 1_593_635, "volume_pscnn:VolumePSCNN", f"{INVARIANT} {LEARNED}", redundant=2_572_704
        ),
        _network("scnn-o3", "O(3)", 192_800, "volume_scnn:VolumeSCNN", INVARIANT),
        _network("rpp-o3", "O(3)", 29_292_200, "volume_rpp:VolumeRPP"),
        _network("pscnn-o3", "O(3)", 3_511_682, "volume_pscnn:VolumePSCNN", f"{INVARIANT} {LEARNED}"),
        _network("projection", "O", 141_998, "projected_cnns:ProjectionVolumeCNN", steerable=False),
    ),
)

DEFAULTS = DEFINITION.defaults
"""Defaults of the settings; None if the default depends on other settings."""
