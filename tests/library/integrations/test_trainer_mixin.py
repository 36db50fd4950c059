"""The mixin for the Hugging Face Trainer on a trainer of a few lines, by hand."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import regrep
from regrep.errors import RegrepError
from regrep.integrations import second_view
from regrep.integrations.huggingface import EquivariantTrainerMixin
from regrep.integrations.second_view import PenaltyTerms

G = regrep.groups.cyclic(4)
ACT, RHO = regrep.actions.RotateFlip2d(G), regrep.latent(G, 8)
X = torch.randn(8, 4, 4, generator=torch.Generator().manual_seed(1))


class Network(nn.Module):
    """Notes with what it is called."""

    main_input_name = "image"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head, self.calls = nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), nn.Linear(8, 3), []

    def forward(self, image, scale=1.0, **more):
        self.calls.append({"scale": scale, **more})
        z = self.encoder(image) * scale
        return {"logits": self.head(z), "scores": 2 * self.head(z)}


class Wrapped(nn.Module):
    """As a wrapper for several processes does, it holds the model."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, **given):
        return self.inner(**given)


class Plain:
    """What the mixin needs of a Trainer."""

    label_names = ("extra",)
    model_accepts_loss_kwargs, compute_loss_func = False, None

    def __init__(self, model, n_gpu=1, steps=5):
        self.model, self.logs = model, []
        self.args = SimpleNamespace(n_gpu=n_gpu, gradient_accumulation_steps=steps)
        self.accelerator = SimpleNamespace(unwrap_model=lambda model: getattr(model, "inner", model))

    def compute_loss(self, model, inputs, return_outputs=False, **more):
        outputs = model(**inputs)
        loss = outputs["logits"].square().mean()
        return (loss, outputs) if return_outputs else loss

    def get_batch_samples(self, batches, items):
        return batches, items

    def log(self, logs):
        self.logs.append(dict(logs))


class Mixed(EquivariantTrainerMixin, Plain):
    """As a user writes it."""


@pytest.fixture(autouse=True)
def elements(monkeypatch):
    monkeypatch.setattr(second_view, "sample", lambda group, n, device=None: torch.arange(1, n + 1) % 4)


def mixed(model=None, **settings):
    return Mixed(Network() if model is None else model, input_action=ACT, latents={"encoder": RHO}, **settings)


def loss_of(trainer, count=8, model=None, given=None, **more):
    batch = {"image": X[:count], **(given or {})}
    return trainer.compute_loss(trainer.model if model is None else model, batch, **more)


def parts(count=8):
    """Task, whitened penalty, and distance of the outputs, by hand."""
    network, g = Network(), torch.arange(1, count + 1) % 4
    z, z_g = network.encoder(X[:count]), network.encoder(ACT(X[:count], g))
    p, q = (network.head(part).log_softmax(1) for part in (z, z_g))
    distance = ((p.exp() - q.exp()) * (p - q)).sum(1).mean() / 2
    return network.head(z).square().mean(), regrep.equivariance_loss(z, z_g, g, RHO, "whitened"), distance


def test_the_whitened_penalty_with_weight_one_is_usual_and_evaluation_has_none():
    trainer = mixed()
    task, penalty, distance = parts()
    torch.testing.assert_close(loss_of(trainer), task + penalty)
    assert len(trainer.model.calls) == 2
    both = mixed(weight=0.5, consistency=2.0)
    loss, outputs = loss_of(both, return_outputs=True)
    torch.testing.assert_close(loss, task + 0.5 * penalty + 2 * distance)
    torch.testing.assert_close(outputs, Network()(X))
    torch.testing.assert_close(loss_of(mixed(weight=0.0)), task)
    trainer.model.eval()
    torch.testing.assert_close(loss_of(trainer), task)
    assert len(trainer.model.calls) == 3


def test_the_second_pass_has_no_labels_and_is_one_of_the_bare_model():
    network = Network()
    trainer = mixed(Wrapped(network))
    given = {"scale": 0.5, "labels": 1, "extra": 2, "other": 3}
    loss_of(trainer, given=given)
    assert network.calls == [given, {"scale": 0.5, "other": 3}]
    trainer.label_names = None
    loss_of(trainer, given=given)
    assert network.calls[3] == {"scale": 0.5, "extra": 2, "other": 3}


def test_the_output_that_is_compared_has_a_name():
    trainer = mixed(weight=0.0, consistency=1.0, consistency_loss="squared", output_name="scores")
    network, g = Network(), torch.arange(1, 9) % 4
    distance = (2 * network.head(network.encoder(X)) - 2 * network.head(network.encoder(ACT(X, g)))).square().mean()
    torch.testing.assert_close(loss_of(trainer), parts()[0] + distance)


def test_a_penalty_is_scaled_as_the_loss_is():
    task, penalty, _ = parts(4)
    for settings, items, scaled in (
        ({}, None, False),
        ({"model_accepts_loss_kwargs": True}, None, False),
        ({"model_accepts_loss_kwargs": True}, 9, True),
        ({}, 9, False),
        ({"compute_loss_func": len}, None, True),
        ({"compute_loss_func": len, "loss_is_scaled_for_ga": False}, 9, False),
        ({"loss_is_scaled_for_ga": True}, None, True),
    ):
        trainer = mixed()
        vars(trainer).update(settings)
        found = loss_of(trainer, 4, num_items_in_batch=items)
        torch.testing.assert_close(found, task + (penalty / 5 if scaled else penalty))  # one of five equal parts
        trainer.get_batch_samples([{"image": X[:4]}, {"image": X}, {"other": X}], 3)
        found = loss_of(trainer, 4, num_items_in_batch=items)
        torch.testing.assert_close(found, task + (penalty * 4 / 12 if scaled else penalty))


def test_logs_have_means_over_the_samples_since_the_last_one():
    trainer = mixed(weight=0.0)
    loss_of(trainer, 6)
    trainer.log({"eval_loss": 1.0})
    trainer.view.consistency = 0.5  # from now on
    loss_of(trainer, 2)
    expected = PenaltyTerms(*(terms for terms in trainer._seen[0][1]))
    later = trainer._seen[1][1]
    trainer.log({"loss": 3.0})
    trainer.log({"loss": 4.0})
    assert trainer.logs[0] == {"eval_loss": 1.0}
    assert trainer.logs[2] == {"loss": 4.0}
    found = trainer.logs[1]
    assert set(found) == {"loss", *PenaltyTerms._fields}
    for name in ("equivariance", "whitened_error", "moving_share"):
        assert found[name] == pytest.approx(float(6 * getattr(expected, name) + 2 * getattr(later, name)) / 8)
    assert found["consistency"] == pytest.approx(float(later.consistency))
    assert expected.consistency is None
    torch.testing.assert_close(expected.equivariance, parts(6)[1].detach())


def test_what_cannot_work_is_said():
    with pytest.raises(RegrepError, match="layers are read in one process per GPU, got 2 GPUs in one; launch with"):
        mixed(n_gpu=2)
    with pytest.raises(RegrepError, match="no layer 'encodr'"):
        Mixed(Network(), input_action=ACT, latents={"encodr": RHO})

    class Nameless(Network):
        main_input_name = property()

    for trainer, name in ((mixed(input_name="picture"), "picture"), (mixed(Nameless()), "")):
        with pytest.raises(RegrepError, match=f"acts on '{name}', but the batch holds image, scale; pass input_name="):
            loss_of(trainer, given={"scale": 1.0})
    assert mixed(Nameless(), input_name="image")._input_name == "image"
