"""The head of the classifiers."""

from __future__ import annotations

from torch import nn


def latent_head(latent: int, classes: int) -> nn.Sequential:
    """BatchNorm1d, ELU, Linear of appendix C: [B, latent] -> [B, classes].

    >>> sum(p.numel() for p in latent_head(48, 2).parameters())
    194
    """
    return nn.Sequential(nn.BatchNorm1d(latent), nn.ELU(inplace=True), nn.Linear(latent, classes))
