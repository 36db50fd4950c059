"""AUC and accuracy over a split, against scikit-learn."""

import pytest
import torch

from regrep.errors import RegrepError
from regrep_paper.training.metrics import Scores, accuracy, auc, binary_auc

sklearn = pytest.importorskip("sklearn.metrics")


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
    theirs = [sklearn.roc_auc_score((labels == k).numpy(), p[:, k].numpy()) for k in range(classes)]
    expected = theirs[1] if classes == 2 else sum(theirs) / classes
    assert abs(float(auc(p, labels)) - expected) < 1e-12
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


def test_ties_count_half_and_one_kind_alone_has_no_auc():
    positive = torch.tensor([True, False, True, False])
    assert float(binary_auc(torch.zeros(4), positive)) == 0.5
    assert float(binary_auc(positive.float(), positive)) == 1.0
    assert float(binary_auc(-positive.float(), positive)) == 0.0
    assert binary_auc(torch.rand(4), torch.ones(4, dtype=torch.bool)).isnan()


def test_accuracy():
    scores, labels = drawn(50, 5)
    assert abs(float(accuracy(scores, labels)) - sklearn.accuracy_score(labels, scores.argmax(1))) < 1e-6


def test_no_scores_have_no_auc():
    with pytest.raises(RegrepError, match="at least one sample, got none"):
        Scores().auc()
