"""Steps and metrics of classifiers: what is minimised, on which samples each number is measured, and the optimizer."""

import warnings
from itertools import pairwise

import lightning
import pytest
import torch
from torch import nn

from regrep import EquivariantObjective, latent
from regrep.actions import RotateFlip2d
from regrep.groups import cyclic
from regrep.nn import EncoderHead
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.samples import Views
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.experiments.learning import TMNIST
from regrep_paper.training.metrics import accuracy, auc
from regrep_paper.training.module import ClassifierModule
from regrep_paper.training.run import TRAINER
from tolerance import assert_near


class Lines(EncoderHead):
    """Two linear maps, with a regularizer of their own where a weight is given."""

    def __init__(self, weight=None):
        super().__init__()
        self.encoder, self.head = nn.Sequential(nn.Flatten(), nn.Linear(16, 12)), nn.Linear(12, 3)
        self.weight = weight

    def regularizer(self):
        return None if self.weight is None else self.weight * sum(p.square().sum() for p in self.parameters())


def module(weight=None):
    torch.manual_seed(0)
    network, act = Lines(weight), RotateFlip2d(cyclic(4))
    objective = EquivariantObjective(
        network.encoder, network.head, nn.functional.cross_entropy, input_action=act, latent=latent(act.group, 12)
    )
    made = ClassifierModule(network, 0.1, objective, {})
    made.logged, made.told = {}, []

    def log_dict(parts, **how):
        made.logged.update(parts)
        made.told.append(how)

    made.log_dict = log_dict
    return made


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 1, 4, 4, generator=generator)
    return Views(x, torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 1, 2, 3, 1]), None)


def gradients(loss, model):
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.network.parameters()))])


def test_a_step_minimises_the_objective_and_the_networks_own_regularizer(batch):
    plain, own = module(), module(weight=3.0)
    losses = [model.training_step(batch, 0) for model in (plain, own)]
    squares = sum(p.square().sum() for p in own.network.parameters())
    assert_near(losses[0], plain.objective(batch.x, batch.y, batch.g).total)
    assert_near(losses[1], losses[0] + 3.0 * squares)
    assert_near(own.logged["train/regularizer"], 3.0 * squares)
    assert "train/regularizer" not in plain.logged
    assert not any(value.requires_grad for value in own.logged.values())  # or every graph of an epoch would stay
    weights = torch.cat([p.flatten() for p in own.network.parameters()])
    assert_near(gradients(losses[1], own), gradients(losses[0], plain) + 6.0 * weights)


@pytest.mark.parametrize(("gpu", "mode"), [(True, "reduce-overhead"), (False, None)])
def test_a_compiled_step_minimises_the_same(batch, monkeypatch, gpu, mode):
    """On a GPU its graph is replayed as one launch, which saves the launches of its kernels."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    made = []

    def compiled(function, **options):
        made.append(options)
        return lambda *views: function(*views)

    monkeypatch.setattr(torch, "compile", compiled)
    plain, other = module(), module()
    other.compile_step()
    assert_near(other.training_step(batch, 0), plain.training_step(batch, 0))
    assert made == [{"fullgraph": True, "mode": mode}]


def test_errors_of_the_latent_are_logged_in_the_first_of_every_few_steps(batch):
    model = module()
    model.log_steps = 3
    errors = {"train/whitened_error", "train/moving_share"}
    for index in range(5):
        model.logged.clear()
        model.training_step(batch, index)
        assert "train/equivariance" in model.logged
        assert (errors & set(model.logged)) == (errors if index % 3 == 0 else set())


def test_errors_of_a_learned_representation_likewise():
    model = TMNIST()
    logged: dict[str, torch.Tensor] = {}
    model.log_dict = lambda parts, **_: logged.update(parts)
    x = torch.rand(6, 1, 28, 28)
    batch = Views(x, torch.arange(6), torch.ones(6, dtype=torch.int64), x.flip(-1))
    model.log_steps = 3
    for index in range(5):
        logged.clear()
        model.training_step(batch, index)
        assert "train/equivariance" in logged
        assert ("train/whitened_error" in logged) == (index % 3 == 0)


EPOCH = {"on_epoch": True, "sync_dist": True}
"""What is logged is a mean over the epoch and over all processes."""


def test_means_over_an_epoch_count_samples_of_all_processes(batch, monkeypatch):
    monkeypatch.setattr("regrep_paper.training.module.counted", lambda samples: 10 * samples)
    model = module()
    model.training_step(batch, 0)
    model.training_step(batch._replace(share=0.0), 1)  # one that stands in for none
    assert model.told == [{**EPOCH, "on_step": False, "batch_size": size} for size in (50, 0)]
    model.told.clear()
    model.validation_step(batch, 0)
    moved = int((batch.g != 0).sum())
    once = {**EPOCH, "add_dataloader_idx": False}
    assert model.told == [{**once, "batch_size": 10 * moved}, {**once, "batch_size": 50}]
    assert {"validation/through_rho", "validation/accuracy"} <= set(model.logged)


def test_likewise_of_a_learned_representation(monkeypatch):
    monkeypatch.setattr("regrep_paper.training.learned_module.counted", lambda samples: 10 * samples)
    model, told = TMNIST(), []
    model.log_dict = lambda parts, **how: told.append((sorted(parts)[0].partition("/")[0], how))
    batch = Views(torch.rand(6, 1, 28, 28), torch.arange(6), torch.ones(6, dtype=torch.int64), torch.rand(6, 1, 28, 28))
    model.training_step(batch, 0)
    model.training_step(batch._replace(share=0.0), 1)
    model.validation_step(batch, 0)
    model.test_step(batch, 0)
    sizes = (("train", 60), ("train", 0), ("validation", 60), ("test", 60))
    assert told == [(stage, {**EPOCH, "on_step": False, "batch_size": size}) for stage, size in sizes]


class Ranked(DDMNIST):
    ranked = True


@pytest.fixture(scope="module")
def measured():
    """A run of a few epochs: what was logged, and by hand the scores of the whole split, transformed and upright."""
    data = DoubleDigits("D1", classes=4, train_pairs=6, validation_pairs=4, test_pairs=3, batch_size=16)
    torch.manual_seed(0)
    model = Ranked("D1", "cnn-augmented", 0.01, classes=4)
    trainer = lightning.Trainer(accelerator="cpu", max_epochs=3, **TRAINER)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of sums decides what so short a training ends with
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(model, datamodule=data)
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        for metrics in trainer.test(model, datamodule=data, verbose=False):
            logged |= metrics
    model.eval()
    scores = {}
    with torch.no_grad():
        for split in ("validation", "test"):
            for upright in (False, True):
                views = [data.views(batch, upright) for batch in data.loader(split)]
                scores[split, upright] = (torch.cat([model(v.x) for v in views]), torch.cat([v.y for v in views]))
    torch.set_num_threads(threads)
    return model, data, logged, scores


@pytest.mark.parametrize("split", ["validation", "test"])
def test_each_number_is_measured_on_its_own_samples(measured, split):
    """The epoch is chosen by transformed validation samples; upright ones and the test have names of their own."""
    model, _, logged, scores = measured
    assert model.monitor == ("validation/accuracy", "max")
    for upright, end in ((False, ""), (True, "_upright")):
        found, labels = scores[split, upright]
        assert logged[f"{split}/accuracy{end}"] == pytest.approx(float(accuracy(found, labels)))
        expected = float(auc(found.softmax(dim=1), labels))
        assert logged[f"{split}/auc{end}"] == pytest.approx(expected, abs=1e-3)  # rounding breaks ties
    aucs = sorted(float(auc(found.softmax(dim=1), labels)) for found, labels in scores.values())
    assert min(b - a for a, b in pairwise(aucs)) > 2e-3  # or an exchange would not be noticed
    found, labels = scores[split, False]
    assert logged[f"{split}/loss"] == pytest.approx(float(nn.functional.cross_entropy(found, labels)), rel=1e-5)


class Strips(nn.Module):
    """How bright each of 14 strips is: nothing trained, so that the answers are the same on every machine."""

    def forward(self, x):
        sums = x.sum(dim=(1, 2)).unflatten(-1, (14, -1)).sum(dim=-1)
        return nn.functional.pad(sums - sums.mean(dim=1, keepdim=True), (0, 66 - 14))


def test_hits_are_those_of_the_transformed_test():
    data = DoubleDigits("D1", classes=4, train_pairs=6, validation_pairs=4, test_pairs=3, batch_size=16)
    model = DDMNIST("D1", "cnn-augmented", 0.01, classes=4)
    model.network.encoder, model.network.head = Strips(), nn.Linear(66, 16, bias=False)
    with torch.no_grad():
        model.network.head.weight.copy_(torch.randn(16, 66, generator=torch.Generator().manual_seed(0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lightning.Trainer(accelerator="cpu", **TRAINER).test(model, datamodule=data, verbose=False)
    correct = []
    for upright in (False, True):
        views = [data.views(batch, upright) for batch in data.loader("test")]
        correct.append(torch.cat([model(v.x).argmax(dim=1) == v.y for v in views]))
    assert torch.equal(torch.cat(model._correct), correct[0])
    assert not torch.equal(correct[0], correct[1])


def test_the_latent_is_measured_on_transformed_validation_samples(measured):
    model, data, _, _ = measured
    views = [data.views(batch) for batch in data.loader("validation")]
    every, targets = torch.cat([one.x for one in views]), torch.cat([one.y for one in views])
    for count in (7, 20, 48):
        x, y = model.validation_samples(data, count)
        assert torch.equal(x, every[:count])
        assert torch.equal(y, targets[:count])
    upright = torch.cat([data.views(batch, upright=True).x for batch in data.loader("validation")])
    assert not torch.equal(every, upright)


@pytest.mark.parametrize("rate", [0.25, 1e-4])
def test_the_optimizer_is_adam_at_the_rate_of_the_config(rate):
    """Appendix C: weight decay is 0 for DDMNIST and MedMNIST."""
    adam = DDMNIST("D1", "cnn", rate, classes=2, schedule="constant").configure_optimizers()
    (group,) = adam.param_groups
    assert (type(adam), group["lr"], group["weight_decay"], group["betas"]) == (torch.optim.Adam, rate, 0, (0.9, 0.999))


def test_every_weight_is_trained():
    model = DDMNIST("D1", "ours", classes=2)
    (group,) = model.configure_optimizers().param_groups
    assert set(map(id, group["params"])) == set(map(id, model.parameters()))


@pytest.mark.parametrize("rate", [0.25, 1e-4])
@pytest.mark.parametrize("frozen", [False, True])
def test_network_and_representation_learn_at_the_rate_of_the_config(rate, frozen):
    model = TMNIST(learning_rate=rate, frozen_encoder=frozen)
    (group,) = model.configure_optimizers().param_groups
    assert (group["lr"], group["weight_decay"]) == (rate, 0)
    trained = set(map(id, group["params"]))
    assert set(map(id, model.learned.parameters())) <= trained
    assert set(map(id, model.network.head.parameters())) <= trained
    assert bool(trained & set(map(id, model.network.encoder.parameters()))) is not frozen
