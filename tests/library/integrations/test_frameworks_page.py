"""Every block of docs/guide/frameworks.md runs, in order, as a reader would run it."""

import re
import sys
import types
from pathlib import Path

import pytest
from torch import nn

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "frameworks.md"


class SmallResNet(nn.Module):
    """What the page uses of a timm model: layers by name, ``forward_features`` and ``forward_head``.

    As in timm's ResNet, the last map of an image of 224 is 7 x 7; it has 10 channels, no multiple of 8.
    """

    def __init__(self, in_chans, num_classes):
        super().__init__()
        self.num_features = 10
        self.conv1 = nn.Conv2d(in_chans, 4, 7, stride=8, padding=3)
        self.layer4 = nn.Sequential(nn.Conv2d(4, 10, 3, stride=4, padding=1), nn.BatchNorm2d(10), nn.ReLU(inplace=True))
        self.fc = nn.Linear(10, num_classes)

    def forward_features(self, x):
        return self.layer4(self.conv1(x))

    def forward_head(self, x, pre_logits=False):
        x = x.mean(dim=(2, 3))
        return x if pre_logits else self.fc(x)

    def forward(self, x):
        return self.forward_head(self.forward_features(x))


@pytest.fixture
def timm(monkeypatch):
    """The real one if it can be imported, or a module that has this model alone."""
    try:
        import timm
    except Exception:  # missing, or its torchvision does not fit this torch
        timm = types.ModuleType("timm")
        timm.create_model = lambda name, in_chans, num_classes: SmallResNet(in_chans, num_classes)
        monkeypatch.setitem(sys.modules, "timm", timm)
    return timm


@pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
def test_every_block_runs(timm, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 8
    names = {}
    for k, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}, block {k + 1}", "exec"), names)
    printed = capsys.readouterr().out
    assert "latent [B, 12, 8, 8]: both" in printed
    assert "latent [B, 32]: vector" in printed
    assert "4 x 4 patches as it moves the image, after 1 token that stays" in printed
    assert "equivariance/4/through_rho" in printed
    assert "'moving_share'" in printed
    assert "'train/consistency'" in printed
    assert "'consistency'" in printed
    if isinstance(timm, types.ModuleType) and not hasattr(timm, "__version__"):
        assert "1 copy of the regular representation, and the other 2 stay fixed" in printed


def test_readme_leads_to_this_page():
    assert "(docs/guide/frameworks.md)" in (PAGE.parents[2] / "README.md").read_text(encoding="utf-8")
