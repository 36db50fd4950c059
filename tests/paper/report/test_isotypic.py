"""The drawing of a representation's profile."""

import torch

import regrep
from regrep_paper.report.isotypic import profile_figure


def profile(offset=0.0):
    group = regrep.groups.cyclic(4)
    rho = regrep.regular(group)
    act = regrep.actions.Permute(group, torch.stack([torch.roll(torch.arange(4), k) for k in range(4)]))
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return regrep.profile(lambda values: values * torch.tensor([1.0, 2.0, 1.0, 1.0]) + offset, x, act, rho).as_dict()


def heights(axis):
    return [[bar.get_height() for bar in bars] for bars in axis.containers]


def test_bars_are_those_of_the_profile():
    one, other = profile(), profile(3.0)
    figure = profile_figure({"ours": one, "shifted": other})
    share, error, offset = figure.axes
    assert heights(share) == [one["share"], other["share"]]
    assert abs(sum(one["share"]) - 1) < 1e-6
    assert heights(error)[0] == [value or 0.0 for value in one["mean_error"]]
    assert heights(offset)[1] == [value or 0.0 for value in other["mean_offset"]]
    assert [text.get_text() for text in share.get_xticklabels()] == one["irreps"]
    assert [text.get_text() for text in share.get_legend().get_texts()] == ["ours", "shifted"]


def test_what_does_not_fit_is_left_out():
    one = profile()
    assert profile_figure({}) is None
    assert profile_figure({"a": {"irreps": []}}) is None
    assert len(profile_figure({"a": one, "b": {**one, "irreps": ["A"]}}).axes[0].containers) == 1
    assert heights(profile_figure({"a": {**one, "mean_error": [None]}}).axes[1]) == [[0.0] * len(one["irreps"])]
