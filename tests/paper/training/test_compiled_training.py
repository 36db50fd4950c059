"""A step with the making of its batch: one graph, nothing from the host, and the same batches after a resumption."""

import warnings
from contextlib import nullcontext

import lightning
import pytest
import torch
from lightning import Trainer

from dispatched import WAITS, Calls
from regrep.actions import Draws
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.resident import ResidentBatches, Step
from regrep_paper.data.samples import Samples, Views
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.experiments.single_digits import SingleDigits
from regrep_paper.runs.records import RunFolder
from regrep_paper.runs.stopping import Stopped
from regrep_paper.tables.protocol import PROTOCOLS
from regrep_paper.training.captured import WholeStep
from regrep_paper.training.compiled import compile_training
from regrep_paper.training.run import TRAINER, prepare, train

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
SMALL = {"classes": 2, "train_pairs": 10, "validation_pairs": 5, "test_pairs": 5, "batch_size": 16}


def made(group="D4", method="ours", **settings):
    data = DoubleDigits(group, **SMALL, **settings)
    data.setup()
    torch.manual_seed(0)
    return DDMNIST(group, method, 0.01, classes=2), data


def number(value, device=None):
    return torch.tensor(value, device=device)


def test_an_epoch_takes_every_sample_once_in_an_order_of_its_own():
    samples = Samples(torch.arange(12)[:, None], torch.arange(12), "train")
    batches = ResidentBatches(samples, 4, 5, lambda images, labels, draws: Views(images, labels, labels, None))
    epochs = [torch.cat([batches(number(step)).y for step in range(3 * k, 3 * k + 3)]) for k in range(4)]
    for rows in epochs:
        assert sorted(rows.tolist()) == list(range(12))
    assert len({tuple(rows.tolist()) for rows in epochs}) == 4
    other = ResidentBatches(samples, 4, 6, batches.views)
    assert not torch.equal(torch.cat([other(number(step)).y for step in range(3)]), epochs[0])


@pytest.mark.parametrize(
    ("group", "settings"), [("D4", {}), ("D1", {}), ("C4", {"second_noise": True}), ("C4", {"as_published": True})]
)
def test_batches_are_those_of_the_draws_of_a_step(group, settings):
    """As from a generator, with the counted draws of the step in its place; the noise and elements differ by step."""
    _, data = made(group, **settings)
    batches = data.resident()
    views, rows = batches(number(3)), batches.rows(number(3))
    samples = data.splits["train"]
    draws = Draws(2 * data.seed + 1).at(number(3))
    assert torch.equal(views.g, draws.elements(data.action.group, 16))
    again = data._views(samples.images[samples.index[rows]], samples.labels[rows], Draws(1).at(number(3)))
    for one, other in zip(views[:4], again[:4], strict=True):
        assert (one is None and other is None) or torch.equal(one, other)
    assert not torch.equal(batches(number(4)).g, views.g)


def test_the_whole_step_neither_copies_nor_waits(monkeypatch):
    model, data = made(method="ours-whitened")
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    model.batches = data.resident()
    model.to("meta")
    model.numbered(number(0, "meta"))
    with Calls() as calls:
        terms = model.numbered(number(1, "meta"))
        terms.total.backward()
        terms.log(errors=False)
    assert {"sort", "grid_sampler_2d", "convolution"} <= set(calls.names)
    assert not WAITS & set(calls.names)


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_the_whole_step_is_one_graph(backend, monkeypatch):
    torch.compiler.reset()
    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", lambda step, fullgraph, mode: compiler(step, fullgraph=True, backend=backend))
    model, data = made()
    compile_training(model, data, whole_batches=True)
    assert data.captured
    model.log_dict = lambda *_, **__: None
    (steps,) = [list(data.train_dataloader())]
    assert [step.number.item() for step in steps] == [0, 1]
    for step in steps:
        assert isinstance(data.on_after_batch_transfer(step, 0), Step)
        expected, total = model.numbered(step.number).total, model.training_step(step, 0)
        torch.testing.assert_close(total, expected, rtol=1e-4, atol=1e-4)
        total.backward()
    torch.compiler.reset()


def test_batches_of_a_generator_are_used_where_sizes_or_data_do_not_allow_others(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda step, **_: step)
    model, data = made()
    compile_training(model, data, whole_batches=False)
    assert not data.captured
    assert model.batches is None
    from regrep_paper.data.labelled_digits import LabelledDigits

    compile_training(SingleDigits(), other := LabelledDigits(), whole_batches=True)
    assert not other.captured


def fitted(folder, stop_before=None, capture=False, method="cnn-augmented", device="cpu", **options):
    class Stop(lightning.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            assert int(batch.number) == trainer.global_step

        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == stop_before:
                raise Stopped(15)

    prepare()
    lightning.seed_everything(0, verbose=False)
    model, data = made("D1", method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = Trainer(max_epochs=3, accelerator=device, callbacks=[Stop()], **TRAINER, **options)
        compile_training(model, data, whole_batches=True, capture=capture)
        run = RunFolder(folder)
        with run.lock():
            config = {**model.config(), "seed": 0, "epochs": 3}
            record = train(run, trainer, model, data, config, ["test"], protocol=PROTOCOLS["decaying"])
    weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return weights, {key: record[key] for key in record if "seconds" not in key}


def assert_equal_runs(one, other):
    (weights, record), (others, again) = one, other
    assert again == record
    assert weights.keys() == others.keys()
    assert not any(name.startswith("batches") for name in weights)
    for name, value in weights.items():
        assert torch.equal(value, others[name]), name


@pytest.mark.parametrize("capture", [False, True])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path, monkeypatch, capture):
    monkeypatch.setattr(torch, "compile", lambda step, **_: step)
    expected = fitted(tmp_path / "whole", capture=capture)
    with pytest.raises(Stopped):
        fitted(tmp_path / "parts", stop_before=2, capture=capture)
    assert_equal_runs(expected, fitted(tmp_path / "parts", capture=capture))


@pytest.mark.parametrize("method", ["ours-whitened", "latent-augmented"])
def test_a_whole_step_trains_as_lightning_does(tmp_path, monkeypatch, method):
    monkeypatch.setattr(torch, "compile", lambda step, **_: step)
    one, other = (fitted(tmp_path / str(capture), capture=capture, method=method) for capture in (False, True))
    assert_equal_runs(one, other)
    logged = [(tmp_path / name / "metrics.csv").read_text().splitlines() for name in ("False", "True")]
    seconds = logged[0][0].split(",").index("seconds")
    one, other = ([[*row.split(",")[:seconds], *row.split(",")[seconds + 1 :]] for row in rows] for rows in logged)
    assert one == other


def test_a_whole_step_adds_what_the_network_asks_for(monkeypatch):
    """The logged loss includes it, the weights follow it, and it is logged beside the terms."""
    model, data = made("D1", "ours")
    weight = next(model.network.parameters())
    monkeypatch.setattr(model.network, "regularizer", lambda: 10 * weight.square().sum())
    compile_training(model, data, whole_batches=True, capture=True)
    optimizer = torch.optim.SGD(model.network.parameters(), lr=0.1)
    logged = {}
    model.log_dict = lambda parts, **_: logged.update(parts)
    monkeypatch.setattr(model, "optimizers", lambda use_pl_optimizer: optimizer)
    terms = model.numbered(number(0))
    expected = 10 * weight.square().sum()
    (slope,) = torch.autograd.grad(terms.total + expected, [weight])
    before = weight.detach().clone()
    total = model.training_step(Step(number(0)), 0)
    torch.testing.assert_close(total, (terms.total + expected).detach())
    torch.testing.assert_close(logged["train/regularizer"], expected.detach())
    torch.testing.assert_close(weight.detach(), before - 0.1 * slope)


def test_a_checkpoint_holds_rates_that_any_run_can_go_on_with(tmp_path):
    fitted(tmp_path, capture=True)
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"][0]
    assert {(type(group["lr"]), group["capturable"]) for group in state["param_groups"]} == {(float, False)}


def test_only_some_epochs_are_evaluated(tmp_path):
    """The others have no values of an earlier one, and a run goes on from the last that was evaluated."""
    with pytest.raises(Stopped):
        fitted(tmp_path, stop_before=2, capture=True, check_val_every_n_epoch=3)
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()
    _, record = fitted(tmp_path, capture=True, check_val_every_n_epoch=3)
    names, *rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    column = names.index("validation/accuracy")
    assert [bool(row[column]) for row in rows] == [False, False, True]
    assert all(row[names.index("train/total")] for row in rows)
    assert record["validation"]["accuracy"] == pytest.approx(float(rows[-1][column]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a graph is captured on a GPU")
@pytest.mark.parametrize("method", ["cnn-augmented", "ours", "ours-whitened", "ours-permuted", "latent-augmented"])
def test_a_captured_step_is_the_step(method):
    """The same weights after twelve steps, of which nine are replayed, and after a change of the rate in between."""
    states, totals = [], []
    for graphs in (False, True):
        model, data = made("D4", method)
        data.setup()
        compile_training(model, data, whole_batches=True, capture=True)
        model.cuda()
        optimizer = torch.optim.Adam(
            model.network.parameters(), lr=1e-3, eps=1e-2, fused=True
        )  # gradients that are rounding stay small
        step = WholeStep(lambda k, model=model: model._regularized(model.numbered(k)), optimizer, model.device)
        if not graphs:
            step._beside = step._step
            step.taken = -100
        found = []
        for k in range(12):
            if k == 8:
                optimizer.param_groups[0]["lr"].fill_(1e-4)
            found.append(step(k)[0].clone())
        assert (step.graph is not None) == graphs
        states.append({name: value.clone() for name, value in model.network.state_dict().items()})
        totals.append(torch.stack(found))
    torch.testing.assert_close(*totals, rtol=1e-3, atol=1e-4)
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, rtol=1e-2, atol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a graph is captured on a GPU")
def test_a_captured_run_is_resumed(tmp_path):
    fitted(tmp_path / "whole", capture=True, device="gpu")
    with pytest.raises(Stopped):
        fitted(tmp_path / "parts", stop_before=2, capture=True, device="gpu")
    fitted(tmp_path / "parts", capture=True, device="gpu")
    losses = []
    for name in ("whole", "parts"):  # of rounding that no two runs share, Adam makes steps of weights without gradient
        names, *rows = [line.split(",") for line in (tmp_path / name / "metrics.csv").read_text().splitlines()]
        losses.append([float(row[names.index("train/total")]) for row in rows])
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
