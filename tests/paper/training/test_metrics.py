"""AUC and accuracy over a split, against loops over pairs of samples."""

import pytest
import torch

from regrep.errors import RegrepError
from regrep_paper.training.metrics import Scores, accuracy, auc


def by_pairs(score, positive):
    """The probability that a positive sample outscores a negative one; ties count half."""
    gaps = score[positive][:, None] - score[~positive]
    return ((gaps > 0).double() + 0.5 * (gaps == 0).double()).mean()


def drawn(n, classes, seed=0, decimals=None):
    generator = torch.Generator().manual_seed(seed)
    scores = 2 * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    labels = torch.cat([torch.arange(classes), torch.randint(classes, (n - classes,), generator=generator)])
    return scores if decimals is None else scores.round(decimals=decimals), labels


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("classes", [2, 3, 11])
def test_auc_is_that_of_the_evaluator(classes, decimals):
    """With rounded scores most are tied."""
    scores, labels = drawn(150, classes, decimals=decimals)
    p = scores.softmax(dim=1)
    each = [by_pairs(p[:, k], labels == k) for k in range(classes)]
    expected = each[1] if classes == 2 else sum(each) / classes
    assert abs(float(auc(p, labels)) - expected) < 1e-6  # counts are exact, their ratios in single precision
    assert abs(float(auc(p, labels.flip(0))) - expected) > 1e-3


def test_a_split_is_ranked_as_a_whole():
    scores, labels = drawn(90, 3)
    gathered = Scores()
    for part in torch.arange(90).split(32):
        gathered.add(scores[part], labels[part])
    assert float(gathered.auc()) == float(auc(scores.softmax(dim=1), labels))
    parts = [auc(scores[part].softmax(dim=1), labels[part]) for part in torch.arange(90).split(32)]
    assert (
        abs(float(gathered.auc()) - float(torch.stack(parts).mean())) > 1e-4
    )  # the mean over batches is another number


def test_ties_count_half_and_a_class_without_samples_has_no_auc():
    labels = torch.tensor([1, 0, 1, 0])
    sure = torch.stack([1 - labels, labels], dim=1).double()
    assert float(auc(torch.full((4, 2), 0.5), labels)) == 0.5
    assert float(auc(sure, labels)) == 1.0
    assert float(auc(1 - sure, labels)) == 0.0
    assert auc(sure, torch.ones(4, dtype=torch.int64)).isnan()
    assert auc(torch.rand(4, 3).softmax(dim=1), labels).isnan()


def test_accuracy():
    scores, labels = drawn(50, 5)
    right = sum(
        max(range(5), key=lambda k, row=row: row[k]) == label
        for row, label in zip(scores.tolist(), labels, strict=True)
    )
    assert float(accuracy(scores, labels)) == pytest.approx(right / 50)
    assert 0 < right < 50


def test_no_scores_have_no_auc():
    with pytest.raises(RegrepError, match="at least one sample, got none"):
        Scores().auc()
