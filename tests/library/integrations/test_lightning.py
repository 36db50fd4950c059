"""The callbacks for Lightning, in real trainers."""

from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import pytorch_lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import regrep
from regrep.errors import RegrepError
from regrep.integrations import second_view
from regrep.integrations.lightning import EquivarianceMonitor, EquivariancePenalty, pair, part_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

G = regrep.groups.cyclic(4)
ACT, RHO = regrep.actions.RotateFlip2d(G), regrep.latent(G, 8)
LATENTS = {"1": RHO}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 4))


class Plain(pl.LightningModule):
    """A module that knows nothing of groups."""

    def __init__(self, returns="a tensor"):
        super().__init__()
        self.model, self.returns = network(), returns

    def forward(self, x):
        return self.model(x)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self.model(batch[0]), batch[1])
        return {"a dict": {"loss": loss, "other": 1}, "nothing": None}.get(self.returns, loss)

    def validation_step(self, batch, batch_idx):
        self.log("validation/loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)


def data(size, count=8):
    x, y = torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(1)), torch.arange(count) % 4
    return DataLoader(TensorDataset(x, y), size)


def trainer(*callbacks, namespace=pl, **options):
    quiet = {f"enable_{name}": False for name in ("checkpointing", "progress_bar", "model_summary")}
    defaults = {"accelerator": "cpu", "max_epochs": 1, "logger": False, "num_sanity_val_steps": 0}
    return namespace.Trainer(callbacks=list(callbacks), **{**defaults, **quiet, **options})


@pytest.fixture
def fixed(monkeypatch):
    """The same elements for the same samples, however they are cut into batches."""
    monkeypatch.setattr(second_view, "sample", lambda group, n, device=None: torch.arange(1, n + 1) % group.order)


def stepped_by_hand(weight, penalty="mse", consistency=0.0, distance=None):
    """Weights after one step on all samples, with the loss written out."""
    model, (x, y) = network(), data(8).dataset.tensors
    g = torch.arange(1, 9) % 4
    latent = lambda x: model[1](x.flatten(1))  # noqa: E731
    loss = nn.functional.cross_entropy(model(x), y)
    loss = loss + weight * regrep.equivariance_loss(latent(x), latent(ACT(x, g)), g, RHO, penalty)
    if distance is not None:
        loss = loss + consistency * distance(model(x), model(ACT(x, g)), g)
    loss.backward()
    with torch.no_grad():
        return [parameter - 0.5 * parameter.grad for parameter in model.parameters()]


def assert_same(module, weights):
    for parameter, expected in zip(module.parameters(), weights, strict=True):
        torch.testing.assert_close(parameter.detach(), expected)


@pytest.mark.parametrize("returns", ["a tensor", "a dict"])
@pytest.mark.parametrize("penalty", ["mse", "whitened"])
def test_the_step_is_that_of_the_loss_with_the_penalty(fixed, returns, penalty):
    module = Plain(returns)
    callback = EquivariancePenalty(ACT, LATENTS, weight=3.0, penalty=penalty, network="model")
    trainer(callback).fit(module, data(8))
    assert_same(module, stepped_by_hand(3.0, penalty))


def test_with_weight_0_the_step_is_the_modules_own_and_the_measures_are_logged(fixed):
    module, fit = Plain(), trainer(EquivariancePenalty(ACT, LATENTS, weight=0.0, network="model"))
    fit.fit(module, data(8))
    assert_same(module, stepped_by_hand(0.0))
    assert {"train/equivariance", "train/whitened_error", "train/moving_share"} <= set(fit.callback_metrics)


def divergence(a, b, g):
    """½ (KL(p‖q) + KL(q‖p)), mean over the samples."""
    p, q = a.softmax(1), b.softmax(1)
    return ((p - q) * (p.log() - q.log())).sum(1).mean() / 2


def turned_square(a, b, g):
    """Where the group moves the four outputs on, coordinate k of the moved outputs is coordinate k - g."""
    moved = torch.stack([a[k].roll(int(g[k])) for k in range(len(a))])
    return (moved - b).square().mean()


@pytest.mark.parametrize("weight", [0.0, 3.0])
@pytest.mark.parametrize(
    ("settings", "distance"),
    [({}, divergence), ({"output_action": regrep.regular(G)}, turned_square)],
    ids=["classes", "regression"],
)
def test_the_step_is_that_of_the_loss_with_output_consistency(fixed, weight, settings, distance):
    module = Plain()
    callback = EquivariancePenalty(
        ACT, LATENTS, weight=weight, penalty="mse", network="model", consistency=2.0, **settings
    )
    fit = trainer(callback)
    fit.fit(module, data(8))
    assert_same(module, stepped_by_hand(weight, "mse", 2.0, distance))
    (x, _), g = data(8).dataset.tensors, torch.arange(1, 9) % 4
    torch.testing.assert_close(
        fit.callback_metrics["train/consistency"], distance(network()(x), network()(ACT(x, g)), g).detach()
    )


def test_output_consistency_is_switched_on_in_training_and_accumulated(fixed):
    module, callback = Plain(), EquivariancePenalty(ACT, LATENTS, weight=0.0, network="model")
    callback.consistency = 2.0
    trainer(callback, accumulate_grad_batches=2).fit(module, data(4))
    assert_same(module, stepped_by_hand(0.0, "mse", 2.0, divergence))
    with pytest.raises(RegrepError, match="consistency is a finite number of at least 0, got -1"):
        callback.consistency = -1
    with pytest.raises(RegrepError, match='consistency_loss is "kl" or "squared", got \'l1\''):
        EquivariancePenalty(ACT, LATENTS, consistency_loss="l1")


def test_outputs_that_are_not_compared_are_not_kept_nor_logged():
    fit = trainer(EquivariancePenalty(ACT, LATENTS, network="model"))
    fit.fit(Plain(), data(8))
    assert "train/consistency" not in fit.callback_metrics


def test_an_output_action_of_another_group_is_refused():
    callback = EquivariancePenalty(ACT, LATENTS, network="model", output_action=regrep.sign(regrep.groups.dihedral(4)))
    with pytest.raises(RegrepError, match="D4 acts on the outputs, but C4 on the data"):
        trainer(callback).fit(Plain(), data(8))


def test_accumulated_batches_make_the_step_of_one_batch(fixed):
    module = Plain()
    callback = EquivariancePenalty(ACT, LATENTS, weight=3.0, penalty="mse", network="model")
    trainer(callback, accumulate_grad_batches=2).fit(module, data(4))
    assert_same(module, stepped_by_hand(3.0))


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true", "bf16-true"])
def test_precisions(precision):
    module = Plain()
    fit = trainer(EquivariancePenalty(ACT, LATENTS, network="model"), precision=precision)
    fit.fit(module, data(8))
    assert 0 < float(fit.callback_metrics["train/whitened_error"]) < 2


def test_the_module_is_left_as_it_was_also_after_a_failure():
    class Fails(Plain):
        def on_train_batch_end(self, outputs, batch, batch_idx):
            raise ZeroDivisionError

    callback = EquivariancePenalty(ACT, LATENTS, network="model")
    for module in (Plain(), Fails()):
        try:
            trainer(callback).fit(module, data(8))
        except ZeroDivisionError:
            assert isinstance(module, Fails)
        assert "training_step" not in vars(module)
        assert all(not layer._forward_hooks and not layer._forward_pre_hooks for layer in module.modules())


def test_a_step_that_the_module_was_given_comes_back():
    module = Plain()
    own = module.training_step = lambda batch, batch_idx: Plain.training_step(module, batch, batch_idx)
    trainer(EquivariancePenalty(ACT, LATENTS, network="model")).fit(module, data(8))
    assert module.training_step is own


def test_a_second_penalty_is_refused():
    callbacks = [EquivariancePenalty(ACT, LATENTS, network="model", prefix=name) for name in "ab"]
    module = Plain()
    with pytest.raises(RegrepError, match="give one callback all the layers"):
        trainer(*callbacks).fit(module, data(8))
    assert "training_step" not in vars(module)


@pytest.mark.filterwarnings("ignore:.*returned .None.:UserWarning")
def test_a_step_that_skips_its_batch_is_skipped():
    module = Plain("nothing")
    trainer(EquivariancePenalty(ACT, LATENTS, network="model")).fit(module, data(8))
    assert_same(module, network().parameters())


def test_a_module_of_the_other_namespace_works(fixed):
    class Other(pytorch_lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = network()

        forward, training_step = Plain.forward, Plain.training_step
        returns, validation_step, configure_optimizers = "plain", Plain.validation_step, Plain.configure_optimizers

    module = Other()
    penalty = EquivariancePenalty(ACT, LATENTS, weight=3.0, penalty="mse", network="model")
    monitor = EquivarianceMonitor(ACT, {"model.1": RHO})
    fit = trainer(penalty, monitor, namespace=pytorch_lightning)
    fit.fit(module, data(8), data(8))
    assert_same(module, stepped_by_hand(3.0))
    assert "equivariance/model.1/whitened_error" in fit.callback_metrics


class Calls(Plain):
    def __init__(self, times):
        super().__init__()
        self.times = times

    def training_step(self, batch, batch_idx):
        return sum(self(batch[0]).square().mean() for _ in range(self.times))


def test_the_module_itself_is_the_network_where_the_step_calls_it(fixed):
    module = Calls(1)
    trainer(EquivariancePenalty(ACT, {"model.1": RHO}, weight=3.0)).fit(module, data(8))
    assert (module.model[1].weight - network()[1].weight).abs().max() > 0.01


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        (Calls(2), {"latents": {"model.1": RHO}}, "but the module itself ran 2 times"),
        (Plain(), {"latents": {"model.1": RHO}}, "but the module itself ran 0 times; name the part"),
        (Plain(), {"network": "modle"}, "network names a part of the module, got 'modle'"),
        (Plain(), {"network": "model", "latents": {"9": RHO}}, "no layer '9'"),
        (Plain(), {"network": "model", "latents": {"1": regrep.latent(regrep.groups.cyclic(2), 8)}}, "use one group"),
    ],
)
def test_what_cannot_work_is_said_in_one_sentence(module, options, said):
    callback = EquivariancePenalty(ACT, **{"latents": LATENTS, **options})
    with pytest.raises(RegrepError, match=said):
        trainer(callback).fit(module, data(8))


def test_the_weight_may_change_during_training():
    callback = EquivariancePenalty(ACT, LATENTS, weight=3.0)
    callback.weight = 1
    assert callback.view.weight == 1.0
    with pytest.raises(RegrepError, match="weight is a finite number of at least 0, got -1"):
        callback.weight = -1


def test_manual_optimisation_is_refused():
    module = Plain()
    module.automatic_optimization = False
    with pytest.raises(RegrepError, match="under manual optimisation"):
        trainer(EquivariancePenalty(ACT, LATENTS, network="model")).fit(module, data(8))


@pytest.mark.parametrize("how", ["in place", "wrapped"])
def test_a_compiled_network_is_seen(fixed, how):
    module = Plain()
    if how == "in place":
        module.model.compile(backend="eager")
    else:
        module.model = torch.compile(module.model, backend="eager")
    module(data(8).dataset.tensors[0])
    trainer(EquivariancePenalty(ACT, LATENTS, weight=3.0, penalty="mse", network="model")).fit(module, data(8))
    assert_same(module, stepped_by_hand(3.0))


def accuracy(outputs, y):
    return (outputs.argmax(dim=1) == y).float().mean()


def test_the_monitor_logs_what_the_library_measures():
    module = Plain()
    monitor = EquivarianceMonitor(ACT, {"model.1": RHO}, metric=accuracy, samples=6, every_n_epochs=2)
    fit = trainer(monitor)
    fit.fit(module, data(8), data(4))
    assert not any(name.startswith("equivariance/") for name in fit.callback_metrics)
    fit = trainer(monitor, max_epochs=2)
    fit.fit(module, data(8), data(4))
    assert monitor._pairs == []  # what was measured is not kept in memory
    x, y = (part[:6] for part in data(8).dataset.tensors)
    model = module.model
    error = regrep.equivariance_error(model[:2], x, ACT, RHO)
    through = regrep.through_rho(model[:2], model[2:], x, y, ACT, RHO, accuracy)
    logged = {name.removeprefix("equivariance/model.1/"): float(v) for name, v in fit.callback_metrics.items()}
    assert logged["whitened_error"] == pytest.approx(error.mean_whitened_error, rel=1e-5)
    assert logged["whitened_error/r2"] == pytest.approx(float(error.whitened_error[2]), rel=1e-5)
    assert logged["moving_share"] == pytest.approx(error.moving_share, rel=1e-5)
    assert logged["through_rho"] == pytest.approx(through.mean)
    assert logged["through_rho/r3"] == pytest.approx(float(through.values[3]))


def test_training_goes_on_after_a_measurement(fixed):
    """Validation runs in inference mode, and the action keeps tables that training then uses."""
    act = regrep.actions.RotateFlip2d(G)
    callbacks = EquivarianceMonitor(act, {"model.1": RHO}), EquivariancePenalty(act, LATENTS, network="model")
    fit = trainer(*callbacks, max_epochs=2, num_sanity_val_steps=1)
    fit.fit(Plain(), data(8), data(8))
    assert "equivariance/model.1/whitened_error" in fit.callback_metrics


def test_batches_that_are_no_pairs_need_a_reader():
    class Named(Plain):
        def training_step(self, batch, batch_idx):
            return super().training_step(tuple(batch.values()), batch_idx)

        def validation_step(self, batch, batch_idx):
            return super().validation_step(tuple(batch.values()), batch_idx)

    rows = [{"x": x, "y": y} for x, y in data(8).dataset]
    with pytest.raises(RegrepError, match="got a dict; pass read"):
        trainer(EquivarianceMonitor(ACT, {"model.1": RHO})).fit(Named(), DataLoader(rows, 8), DataLoader(rows, 8))
    fit = trainer(EquivarianceMonitor(ACT, {"model.1": RHO}, read=lambda batch: (batch["x"], batch["y"])))
    fit.fit(Named(), DataLoader(rows, 8), DataLoader(rows, 8))
    assert "equivariance/model.1/moving_share" in fit.callback_metrics


def test_a_monitor_that_never_measures_is_refused():
    for settings in ({"every_n_epochs": 0}, {"samples": 0}):
        found = {"every_n_epochs": 1, "samples": 512, **settings}
        said = f"got every_n_epochs {found['every_n_epochs']} and samples {found['samples']}; raise them"
        with pytest.raises(RegrepError, match=said):
            EquivarianceMonitor(ACT, RHO, **settings)


class Notes(Plain):
    """A module that keeps what it would log."""

    def __init__(self, returns="a tensor"):
        super().__init__(returns)
        self.logged = {}

    def log_dict(self, values, **options):
        self.logged.update(values)


def validated(monitor, *parts, epoch=0, sanity=False):
    """What a monitor logs of the batches of the given loaders in one validation."""
    module = Notes()
    fake = SimpleNamespace(sanity_checking=sanity, current_epoch=epoch, precision_plugin=pl.plugins.Precision())
    monitor.on_validation_epoch_start(fake, module)
    for loader, batches in enumerate(parts):
        for k, batch in enumerate(batches):
            monitor.on_validation_batch_end(fake, module, None, batch, k, loader)
    monitor.on_validation_epoch_end(fake, module)
    return module.logged


def test_the_monitor_takes_the_first_samples_of_the_first_loader():
    x, y = data(8, 30).dataset.tensors
    batches, others = [(x[:8], y[:8]), (x[8:16], y[8:16])], [(x[16:], y[16:])]
    monitor = EquivarianceMonitor(ACT, {"model.1": RHO}, samples=11, prefix="of/")
    expected = validated(EquivarianceMonitor(ACT, {"model.1": RHO}, prefix="of/"), [(x[:11], y[:11])])
    assert validated(monitor, batches, others) == expected
    assert validated(monitor, batches, others) == expected  # nothing is left from before
    error = regrep.equivariance_error(network()[:2], x[:11], ACT, RHO)
    name = "of/model.1"
    assert set(expected) == {
        f"{name}/whitened_error", f"{name}/moving_share", *(f"{name}/whitened_error/{g}" for g in G.names)
    }  # fmt: skip
    assert float(expected[f"{name}/whitened_error"]) == pytest.approx(error.mean_whitened_error)
    assert validated(monitor, batches, sanity=True) == {}
    assert validated(monitor) == {}
    later = EquivarianceMonitor(ACT, {"model.1": RHO}, every_n_epochs=3)
    assert [bool(validated(later, batches, epoch=epoch)) for epoch in range(6)] == 2 * [False, False, True]


def test_the_monitor_moves_targets_where_they_move():
    x = data(8).dataset.tensors[0]
    act, moves = regrep.actions.Permute(G, ACT.pixels(4).index), regrep.regular(G)
    settings = {"network": "model", "metric": lambda outputs, y: (outputs - y).square().mean(), "output_action": moves}
    y = network()(x).detach()
    logged = validated(EquivarianceMonitor(ACT, {"0": act}, **settings), [(x, y)])
    with torch.no_grad():
        outputs = network()(ACT(x, torch.ones(8, dtype=torch.int64)))
        expected = (outputs - moves(y, torch.ones(8, dtype=torch.int64))).square().mean()
    # The flattened pixels are moved exactly, so that the outputs are those for the moved inputs.
    torch.testing.assert_close(logged["equivariance/0/through_rho/r"], expected.double(), check_dtype=False)
    output = validated(EquivarianceMonitor(ACT, moves, network="model"), [(x, y)])
    assert "equivariance/output/whitened_error" in output


def test_only_fitting_puts_the_penalty_around_the_step():
    module = Notes()
    module.automatic_optimization = False
    EquivariancePenalty(ACT, LATENTS, network="model").setup(None, module, "validate")
    assert "training_step" not in vars(module)


class Empties(nn.Flatten):
    """Overwrites what it is given."""

    def forward(self, x):
        found = super().forward(x).clone()
        x.zero_()
        return found


@pytest.mark.parametrize("how", ["by position", "by name", "overwritten"])
def test_the_step_in_one_call(fixed, how):
    """The input may come by name, and the network may overwrite it; what the step returns is kept beside the loss."""

    class Named(Notes):
        def training_step(self, batch, batch_idx):
            x = batch[0].clone()
            outputs = self.model(input=x) if how == "by name" else self.model(x)
            return {"loss": nn.functional.cross_entropy(outputs, batch[1]), "other": "kept"}

    module = Named()
    if how == "overwritten":
        module.model[0] = Empties()
    callback = EquivariancePenalty(ACT, LATENTS, weight=3.0, penalty="mse", network="model", prefix="of/")
    callback.setup(None, module, "fit")
    output = module.training_step(next(iter(data(8))), 0)
    assert output["other"] == "kept"
    output["loss"].backward()
    stepped = [parameter - 0.5 * parameter.grad for parameter in module.model.parameters()]
    for found, expected in zip(stepped, stepped_by_hand(3.0), strict=True):
        torch.testing.assert_close(found.detach(), expected)
    assert set(module.logged) == {"of/equivariance", "of/whitened_error", "of/moving_share"}
    callback.teardown(None, module, "fit")
    assert "training_step" not in vars(module)


def test_pairs_and_parts():
    x, y = torch.zeros(2, 3), torch.ones(2)
    for batch in ((x, y), [x, y]):
        found = pair(batch)
        assert found[0] is x
        assert found[1] is y
    for wrong in ((x, y, y), (x,), (x, 3), {"x": x}, x):
        with pytest.raises(RegrepError, match=f"of tensors, got a {type(wrong).__name__}; pass read=lambda"):
            pair(wrong)
    module = Plain()
    assert part_of(module, None) is part_of(module, "") is module
    assert part_of(module, "model.1") is module.model[1]
    with pytest.raises(RegrepError, match="a part of the module, got 'x'; choose one, for example model$"):
        part_of(module, "x")
