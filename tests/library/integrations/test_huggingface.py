"""The mixin for the Hugging Face Trainer, with a small vision transformer of transformers."""

import itertools

import pytest
import torch
from torch import nn
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

import regrep
from regrep.errors import RegrepError
from regrep.integrations import huggingface, second_view
from regrep.integrations.huggingface import EquivariantTrainerMixin

G = regrep.groups.cyclic(4)
ACT = regrep.actions.RotateFlip2d(G)
VIT = {"vit.layernorm": regrep.representations.layouts.tokens(ACT, (17, 8))}


class EquivariantTrainer(EquivariantTrainerMixin, Trainer):
    """As a user writes it."""


class Plain(nn.Module):
    """A model that takes nothing but inputs and labels, so that the Trainer divides its loss."""

    main_input_name = "pixel_values"

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh()), nn.Linear(8, 4)

    def forward(self, pixel_values, labels=None):
        logits = self.head(self.encoder(pixel_values))
        return {"logits": logits} if labels is None else {
            "loss": nn.functional.cross_entropy(logits, labels), "logits": logits
        }  # fmt: skip


def vit():
    torch.manual_seed(0)
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=2,
            num_channels=1, num_labels=4,
        )
    )  # fmt: skip


def plain():
    torch.manual_seed(0)
    return Plain()


def data(count=8):
    x = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return [{"pixel_values": x[k], "labels": k % 4} for k in range(count)]


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Trains for one step of SGD; samples get the same elements in the same order, however they are cut."""

    def train(model, batch, steps, kind=EquivariantTrainer, count=8, extra=None, **options):
        elements = itertools.count(1)
        draw = lambda group, n, device=None: torch.tensor([next(elements) for _ in range(n)]) % group.order  # noqa: E731
        monkeypatch.setattr(second_view, "sample", draw)
        arguments = TrainingArguments(
            tmp_path, per_device_train_batch_size=batch, gradient_accumulation_steps=steps, max_steps=1, optim="sgd",
            learning_rate=0.5, lr_scheduler_type="constant", max_grad_norm=0.0, logging_steps=1, use_cpu=True,
            report_to="none", save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False, **(extra or {}),
        )  # fmt: skip
        if kind is EquivariantTrainer:
            latents = VIT if isinstance(model, ViTForImageClassification) else {"encoder": regrep.latent(G, 8)}
            options = {"input_action": ACT, "latents": latents, "weight": 3.0, "penalty": "mse", **options}
        found = kind(model=model, args=arguments, train_dataset=data(count), eval_dataset=data(4), **options)
        found.train()
        return found

    return train


def logged(trainer):
    return next(row for row in trainer.state.log_history if "loss" in row)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("make", [vit, plain])
@pytest.mark.parametrize("kind", [Trainer, EquivariantTrainer])
def test_accumulated_batches_make_the_step_of_one_batch(trained, make, kind):
    whole, parts = trained(make(), 8, 1, kind), trained(make(), 2, 4, kind)
    assert parts.model_accepts_loss_kwargs == (make is vit)
    assert logged(parts)["loss"] == pytest.approx(logged(whole)["loss"], rel=1e-5)
    torch.testing.assert_close(weights(parts.model), weights(whole.model))
    assert not torch.equal(weights(whole.model), weights(make()))


def test_so_do_accumulated_batches_of_different_sizes(trained):
    whole, parts = trained(vit(), 7, 1, count=7), trained(vit(), 2, 4, count=7)
    torch.testing.assert_close(weights(parts.model), weights(whole.model))
    assert logged(parts)["equivariance"] == pytest.approx(logged(whole)["equivariance"], rel=1e-5)


def test_the_loss_is_that_of_the_task_and_the_penalty(trained):
    model = vit()
    rows = data()
    x, y = torch.stack([row["pixel_values"] for row in rows]), torch.tensor([row["labels"] for row in rows])
    task = float(model(pixel_values=x, labels=y).loss.detach())
    found = logged(trained(model, 8, 1))
    assert found["loss"] == pytest.approx(task + 3 * found["equivariance"], rel=1e-4)
    assert 0 < found["whitened_error"] < 2
    assert 0 < found["moving_share"] <= 1


def test_with_weight_0_the_step_is_the_trainers_own(trained):
    torch.testing.assert_close(
        weights(trained(vit(), 2, 4, weight=0.0).model), weights(trained(vit(), 2, 4, kind=Trainer).model)
    )


def test_output_consistency_is_added_and_logged(trained):
    net, model, seen = plain(), plain(), []
    handle = net.register_forward_pre_hook(lambda module, args, given: seen.append(given), with_kwargs=True)
    found = trained(net, 8, 1, weight=0.0, consistency=2.0)
    handle.remove()
    x, y = seen[0]["pixel_values"], seen[0]["labels"]  # in the order of the Trainer
    task = model(pixel_values=x, labels=y)["loss"]
    g = torch.arange(1, 9) % 4
    p, q = (model(pixel_values=images)["logits"].softmax(1) for images in (x, ACT(x, g)))
    distance = ((p - q) * (p.log() - q.log())).sum(1).mean() / 2
    (task + 2 * distance).backward()
    with torch.no_grad():
        expected = torch.cat([(parameter - 0.5 * parameter.grad).flatten() for parameter in model.parameters()])
    assert logged(found)["consistency"] == pytest.approx(float(distance.detach()), rel=1e-4)
    assert logged(found)["loss"] == pytest.approx(float((task + 2 * distance).detach()), rel=1e-4)
    torch.testing.assert_close(weights(found.model), expected)
    assert "consistency" not in logged(trained(vit(), 8, 1))


def confident():
    """One whose outputs are not all small, as they are before training."""
    model = vit()
    model.classifier.weight.data *= 30
    return model


@pytest.mark.parametrize("make", [confident, plain])
def test_output_consistency_of_accumulated_batches_is_that_of_one_batch(trained, make):
    options = {"weight": 0.0, "consistency": 2.0, "consistency_loss": "squared", "output_action": regrep.regular(G)}
    whole, parts = (trained(make(), *sizes, **options) for sizes in ((8, 1), (2, 4)))
    torch.testing.assert_close(weights(parts.model), weights(whole.model))
    assert (weights(whole.model) - weights(trained(make(), 8, 1, weight=0.0).model)).abs().max() > 0.01
    assert logged(parts)["consistency"] == pytest.approx(logged(whole)["consistency"], rel=1e-5)


def test_outputs_under_another_name_say_so(trained):
    with pytest.raises(
        RegrepError, match="compares what the model returns as 'scores', got loss, logits; set output_name"
    ):
        trained(vit(), 8, 1, consistency=1.0, output_name="scores")
    with pytest.raises(RegrepError, match="as 'logits', got a tuple; set output_name"):
        huggingface.entry_of("logits", (1, 2))


def test_evaluation_is_that_of_the_task_alone(trained):
    trainer = trained(vit(), 8, 1)
    loss = trainer.evaluate()["eval_loss"]
    batch = {"pixel_values": torch.stack([r["pixel_values"] for r in data(4)]), "labels": torch.arange(4)}
    trainer.model.eval()
    assert loss == pytest.approx(float(trainer.model(**batch).loss.detach()), rel=1e-5)
    assert trainer.predict(data(4)).predictions.shape == (4, 4)


def test_outputs_are_those_for_x(trained):
    trainer = trained(vit(), 8, 1)
    batch = {"pixel_values": torch.stack([r["pixel_values"] for r in data(4)]), "labels": torch.arange(4)}
    trainer.model.train()
    loss, outputs = trainer.compute_loss(trainer.model, dict(batch), return_outputs=True)
    assert loss.dim() == 0
    assert torch.equal(outputs.logits, trainer.model(**batch).logits)
    assert trainer.compute_loss(trainer.model, dict(batch)).dim() == 0


def test_a_model_that_the_trainer_compiles_is_seen(trained):
    compiled = trained(plain(), 4, 2, extra={"torch_compile": True, "torch_compile_backend": "eager"})
    torch.testing.assert_close(weights(compiled.model), weights(trained(plain(), 4, 2).model))


def test_a_batch_that_the_trainer_did_not_fetch_counts_as_one_of_equal_parts(trained):
    trainer = trained(vit(), 8, 1)
    trainer.args.gradient_accumulation_steps, trainer._accumulated = 4, 0
    batch = {"pixel_values": torch.stack([r["pixel_values"] for r in data(4)]), "labels": torch.arange(4)}
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=torch.tensor(16)).detach()
    task = trainer.model(**batch, num_items_in_batch=torch.tensor(16)).loss.detach()
    assert float(loss) == pytest.approx(float(task) + 3 / 4 * float(trainer._seen[-1][1].equivariance), rel=1e-5)


def test_the_pass_on_moved_inputs_has_no_labels(trained):
    model, labelled = plain(), []
    model.register_forward_pre_hook(lambda m, args, kwargs: labelled.append("labels" in kwargs), with_kwargs=True)
    trained(model, 4, 2)
    assert labelled == [True, False, True, False]


def test_what_cannot_work_is_said_in_one_sentence(trained):
    with pytest.raises(RegrepError, match="no layer 'vit.nothing'"):
        trained(vit(), 8, 1, latents={"vit.nothing": regrep.latent(G, 8)})
    with pytest.raises(RegrepError, match="acts on 'images', but the batch holds"):
        trained(vit(), 8, 1, input_name="images")


def test_tokens_of_transformers_are_proposed():
    found = regrep.suggest_latent(vit(), "vit.layernorm", torch.randn(2, 1, 8, 8), ACT)
    assert (found.layout, found.rho.shape) == ("tokens", (17, 8))
