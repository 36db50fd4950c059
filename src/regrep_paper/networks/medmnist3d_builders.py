"""The networks that Table 5 compares, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from regrep.nn import EncoderHead
from regrep_paper.networks.projected_cnns import ProjectionVolumeCNN
from regrep_paper.networks.volume_cnn import VolumeCNN
from regrep_paper.networks.volume_pscnn import VolumePSCNN
from regrep_paper.networks.volume_rpp import VolumeRPP
from regrep_paper.networks.volume_scnn import VolumeSCNN

NETWORKS: dict[str, Callable[..., EncoderHead]] = {
    "cnn": VolumeCNN,
    "scnn-so3": partial(VolumeSCNN, "SO3"),
    "rpp-so3": partial(VolumeRPP, "SO3"),
    "pscnn-so3": partial(VolumePSCNN, "SO3"),
    "scnn-o3": partial(VolumeSCNN, "O3"),
    "rpp-o3": partial(VolumeRPP, "O3"),
    "pscnn-o3": partial(VolumePSCNN, "O3"),
    "projection": ProjectionVolumeCNN,
}
"""Name -> (classes, width, size) -> network on [B, 1, size, size, size] over a latent of 8 · width channels."""
