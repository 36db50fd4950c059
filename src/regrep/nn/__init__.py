"""Modules to use with a network: encoder and head, symmetry of a latent, averages, teachers, penalties on weights."""

from regrep.nn.averaged import GroupAveraged
from regrep.nn.encoder_head import EncoderHead
from regrep.nn.latent_symmetry import LatentSymmetry
from regrep.nn.mean_teacher import MeanTeacher
from regrep.nn.projection import ProjectionPenalty, Reynolds

__all__ = ["EncoderHead", "GroupAveraged", "LatentSymmetry", "MeanTeacher", "ProjectionPenalty", "Reynolds"]
