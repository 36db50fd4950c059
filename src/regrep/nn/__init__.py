"""Modules around a network: an encoder with its head, the average over a group, a penalty on weights."""

from regrep.nn.averaged import GroupAveraged
from regrep.nn.encoder_head import EncoderHead
from regrep.nn.projection import ProjectionPenalty, Reynolds

__all__ = ["EncoderHead", "GroupAveraged", "ProjectionPenalty", "Reynolds"]
