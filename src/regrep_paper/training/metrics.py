"""Accuracy and area under the ROC curve, exact over a whole split."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, multiclass_auroc

from regrep.errors import RegrepError


def auc(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The AUC of MedMNIST's evaluator: for two classes that of class 1, else the mean of one-versus-rest AUCs.

    Computed by torchmetrics, exactly; NaN where a class has no sample, since its AUC is then not defined.

    Args:
        probabilities: [N, classes], softmax outputs.
        labels: int64 [N].

    >>> auc(torch.eye(3), torch.arange(3)).item()
    1.0
    >>> auc(torch.eye(3)[:2], torch.arange(2)).item()
    nan
    """
    classes = probabilities.shape[1]
    if not labels.bincount(minlength=classes).all():
        return probabilities.new_tensor(math.nan)
    if classes == 2:
        return binary_auroc(probabilities[:, 1], labels)
    return multiclass_auroc(probabilities, labels, classes)


def accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """Fraction of the samples [N] whose highest score [N, classes] is that of their label.

    >>> accuracy(torch.tensor([[0.2, 0.8], [0.6, 0.4]]), torch.tensor([1, 1])).item()
    0.5
    """
    return (scores.argmax(dim=1) == labels).float().mean()


def latent_scale(z: Tensor) -> Tensor:
    """Root mean square over coordinates of the standard deviation of latents [B, ...] over the batch.

    >>> latent_scale(torch.tensor([[0.0, 1.0], [2.0, 1.0]]).double()).square()
    tensor(0.5000, dtype=torch.float64)
    """
    return z.std(dim=0, unbiased=False).square().mean().sqrt()


class Scores:
    """Class scores of a split, gathered batch by batch for metrics that need all of them.

    >>> scores = Scores()
    >>> scores.add(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    >>> scores.add(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    >>> scores.auc().item(), len(scores)
    (1.0, 2)
    """

    def __init__(self) -> None:
        self._scores: list[Tensor] = []
        self._labels: list[Tensor] = []

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """A batch of scores before the softmax, [B, classes], with labels int64 [B]."""
        self._scores.append(scores.detach())
        self._labels.append(labels)

    def __len__(self) -> int:
        return sum(map(len, self._labels))

    def auc(self) -> Tensor:
        """The :func:`auc` of all samples.

        Raises:
            RegrepError: nothing was added.
        """
        if not len(self):
            raise RegrepError("an AUC needs at least one sample, got none; add scores first")
        return auc(torch.cat(self._scores).double().softmax(dim=1), torch.cat(self._labels))
