"""Modules to use with a network: an encoder with its head and its symmetry, group averages, a penalty on weights."""

from regrep.nn.averaged import GroupAveraged
from regrep.nn.encoder_head import EncoderHead
from regrep.nn.latent_symmetry import LatentSymmetry
from regrep.nn.projection import ProjectionPenalty, Reynolds

__all__ = ["EncoderHead", "GroupAveraged", "LatentSymmetry", "ProjectionPenalty", "Reynolds"]
