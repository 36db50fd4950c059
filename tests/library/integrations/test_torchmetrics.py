"""The metrics equal the library's measures on all samples, however these are cut into batches and processes."""

import math
import pickle

import pytest
import torch
from torch import nn
from torchmetrics import MeanSquaredError, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

import regrep
from regrep.errors import RegrepError
from regrep.integrations.torchmetrics import EquivarianceMetric, ThroughRhoMetric
from regrep.representations import layouts

G = regrep.groups.dihedral(4)
ACT = regrep.actions.RotateFlip2d(G)
MEASURES = ("whitened_error", "error", "offset", "total", "moving_error", "moving_share")


def encoder(kind):
    torch.manual_seed(0)
    if kind == "vector":
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 19), nn.Tanh()), regrep.latent(G, 19)
    if kind == "map":
        return nn.Conv2d(1, 8, 3), layouts.both(ACT.pixels(4), (8, 4, 4))
    return nn.Sequential(nn.Conv2d(1, 9, 3), nn.Flatten(2), Transposed()), layouts.tokens(ACT, (16, 9))


class Transposed(nn.Module):
    def forward(self, x):
        return x.mT


def images(n=60):
    return torch.randn(n, 1, 6, 6, generator=torch.Generator().manual_seed(1)) + 3


@torch.no_grad()
def batches(model, x, size=7):
    """Every sample with every element, in an arbitrary order."""
    pairs = torch.cartesian_prod(torch.arange(len(x)), torch.arange(8))
    pairs = pairs[torch.randperm(len(pairs), generator=torch.Generator().manual_seed(2))]
    for part in pairs.split(size):
        rows, g = part.unbind(dim=1)
        yield model(x[rows]), model(ACT(x[rows], g)), g


def filled(metric, model, x, size=7):
    for batch in batches(model, x, size):
        metric.update(*batch)
    return metric


@pytest.mark.parametrize("kind", ["vector", "map", "tokens"])
def test_metrics_equal_the_measures_on_all_samples(kind):
    model, rho = encoder(kind)
    x = images()
    error = regrep.equivariance_error(model, x, ACT, rho)
    collection = MetricCollection({name: EquivarianceMetric(rho, name, per_element=True) for name in MEASURES})
    found = filled(collection, model, x, 37).compute()
    assert len(collection.compute_groups) == 1
    for name in MEASURES:
        expected = torch.as_tensor(getattr(error, name), dtype=torch.float64)
        # The identity's errors are the root of rounding.
        torch.testing.assert_close(found[name], expected, rtol=1e-6, atol=1e-6, msg=name)
    mean = filled(EquivarianceMetric(rho), model, x).compute()
    assert float(mean) == pytest.approx(error.mean_whitened_error, rel=1e-6)


def test_forward_gives_the_batch_and_gathers_all():
    model, rho = encoder("vector")
    x, metric = images(), EquivarianceMetric(rho, "error")
    found = []
    for batch in batches(model, x, 48):
        found.append(metric(*batch))
        alone = EquivarianceMetric(rho, "error")
        alone.update(*batch)
        assert torch.equal(found[-1], alone.compute())
    assert float(metric.compute()) == pytest.approx(regrep.equivariance_error(model, x, ACT, rho).mean_error, rel=1e-6)
    metric.reset()
    with pytest.warns(UserWarning, match="called before"):
        assert metric.compute().isnan()


def test_two_processes_add_up():
    """What torchmetrics does over processes: states are gathered, stacked and reduced."""
    model, rho = encoder("vector")
    x = images()
    all_batches = list(batches(model, x))
    parts = [EquivarianceMetric(rho) for _ in range(2)]
    for k, batch in enumerate(all_batches):
        parts[k % 2].update(*batch)
    whole = filled(EquivarianceMetric(rho), model, x)
    joined = EquivarianceMetric(rho, dist_sync_fn=lambda state, group: [getattr(p, names[id(state)]) for p in parts])
    joined.update(*all_batches[0])
    names = {id(getattr(joined, name)): name for name in joined._defaults}
    joined.sync(dist_sync_fn=joined.dist_sync_fn, distributed_available=lambda: True)
    assert float(joined._errors()[1:].mean()) == pytest.approx(float(whole.compute()), rel=1e-9)


def test_a_large_constant_does_not_hide_the_error():
    model, rho = encoder("vector")
    plain = filled(EquivarianceMetric(rho, "error"), model, images()).compute()
    shifted = filled(EquivarianceMetric(rho, "error"), lambda x: model(x).double() + 1000, images()).compute()
    assert float(shifted) == pytest.approx(float(plain), 1e-6)


def test_collections_filter_by_name():
    model, rho = encoder("vector")
    z, z_g, g = next(batches(model, images()))
    both = MetricCollection({"mse": MeanSquaredError(), "whitened": EquivarianceMetric(rho)})
    both.update(preds=torch.ones(3), target=torch.zeros(3), z=z, z_g=z_g, g=g)
    assert set(both.compute()) == {"mse", "whitened"}
    assert float(both.compute()["mse"]) == 1


def test_a_constant_latent_has_no_error():
    rho, metric = regrep.latent(G, 19), EquivarianceMetric(regrep.latent(G, 19), "moving_share")
    z = torch.ones(16, 19)
    metric.update(z, z, torch.arange(16) % 8)
    assert metric.compute().isnan()
    per_element = EquivarianceMetric(rho, per_element=True)
    per_element.update(z, z, torch.arange(16) % 8)
    assert per_element.compute().isnan().all()


def test_an_invariant_latent_has_no_moving_error():
    rho = regrep.regular(regrep.groups.cyclic(7))
    z = torch.randn(16, 1, dtype=torch.float64).expand(16, 7)  # the mean of seven equal numbers is rounded
    values = {}
    for name in ("moving_share", "moving_error", "error"):
        metric = EquivarianceMetric(rho, name)
        metric.update(z, z, torch.arange(16) % 7)
        values[name] = float(metric.compute())
    assert values["moving_share"] == 0
    assert math.isnan(values["moving_error"])
    assert values["error"] < 1e-6


def test_metrics_travel():
    model, rho = encoder("vector")
    metric = pickle.loads(pickle.dumps(filled(EquivarianceMetric(rho), model, images(20))))
    assert torch.equal(metric.compute(), metric.clone().compute())
    assert next(iter(batches(model, images())))[0].dtype == torch.float32
    assert metric.both.dtype == torch.float64


def test_what_does_not_fit_is_said():
    with pytest.raises(RegrepError, match='measure is "whitened_error", "error".*got'):
        EquivarianceMetric(regrep.regular(G), "accuracy")
    with pytest.raises(RegrepError, match="per_element is True or False, got 'no'"):
        EquivarianceMetric(regrep.regular(G), per_element="no")
    with pytest.raises(RegrepError, match=r"per_element is True or False, got a tensor of shape \[2\]"):
        ThroughRhoMetric(MeanSquaredError(), G, per_element=torch.ones(2))
    with pytest.raises(RegrepError, match="pass group= and shape="):
        EquivarianceMetric(ACT)
    metric = EquivarianceMetric(ACT, shape=(2, 4, 4))
    metric.update(torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4), torch.tensor([0, 1, 2]))
    with pytest.raises(RegrepError, match=r"have shape \[B, 2, 4, 4\], got \[3, 2, 5, 5\]"):
        metric.update(torch.randn(3, 2, 5, 5), torch.randn(3, 2, 5, 5), torch.tensor([0, 1, 2]))


def test_through_rho_equals_the_librarys():
    model, rho = encoder("vector")
    head, x = nn.Linear(19, 4), images()
    y = torch.arange(60) % 4
    accuracy = lambda scores, y: (scores.argmax(dim=1) == y).double().mean()  # noqa: E731
    expected = regrep.through_rho(model, head, x, y, ACT, rho, accuracy)
    base = MulticlassAccuracy(4, average="micro")
    metric, means = ThroughRhoMetric(base, G, per_element=True), ThroughRhoMetric(base, G)
    with torch.no_grad():
        for k in range(8):
            g = torch.full((60,), k)
            for rows in torch.arange(60).split(25):
                scores = head(rho(model(x[rows]), g[rows]))
                alone = metric(scores, y[rows], g[rows])
                assert float(alone[k]) == pytest.approx(float(accuracy(scores, y[rows])))
                assert int(alone.isnan().sum()) == 7
                means.update(scores, y[rows], g[rows])
    torch.testing.assert_close(metric.compute().double(), expected.values, rtol=1e-6, atol=1e-6)
    assert float(means.compute()) == pytest.approx(expected.mean, rel=1e-6)
    metric.reset()
    assert metric.compute().isnan().all()


def test_a_function_is_measured_with_its_group_and_shape():
    model, rho = encoder("vector")
    plain = EquivarianceMetric(lambda z, g: rho(z, g), "moving_error", group=G, shape=[19])
    own = EquivarianceMetric(rho, "moving_error")
    for batch in batches(model, images(20)):
        plain.update(*batch)
        own.update(*batch)
    assert (plain.shape, plain.group) == ((19,), G)
    assert float(plain.compute()) == pytest.approx(float(own.compute()))
    for missing in ({"group": G}, {"shape": (19,)}):
        with pytest.raises(RegrepError, match="needs the group and the shape of the latent, and <function"):
            EquivarianceMetric(lambda z, g: z, **missing)


def test_means_leave_out_elements_without_samples_and_the_identity_unless_it_is_alone():
    model, rho = encoder("vector")
    some = [(z[g % 3 == 0], z_g[g % 3 == 0], g[g % 3 == 0]) for z, z_g, g in batches(model, images(20))]
    each, mean = EquivarianceMetric(rho, "error", per_element=True), EquivarianceMetric(rho, "error")
    through = ThroughRhoMetric(MeanSquaredError(), G, per_element=True), ThroughRhoMetric(MeanSquaredError(), G)
    for z, z_g, g in some:
        each.update(z, z_g, g)
        mean.update(z, z_g, g)
        for metric in through:
            metric.update(z, z_g, g)
    for values, found in ((each.compute(), mean.compute()), (through[0].compute(), through[1].compute())):
        assert values.isnan().tolist() == [k % 3 != 0 for k in range(8)]
        assert float(found) == pytest.approx(float(values[3] + values[6]) / 2)
    two = EquivarianceMetric(regrep.regular(regrep.groups.cyclic(2)), "error", per_element=True)
    pair = ThroughRhoMetric(MeanSquaredError(), regrep.groups.cyclic(2), per_element=True)
    z, g = torch.randn(12, 2), torch.arange(12) % 2
    for metric in (two, pair):
        metric.update(z, z.roll(1, 0) + g[:, None], g)
        values = metric.compute()
        metric.per_element = False
        metric._computed = None
        assert metric.compute() == values[1] != values[0]
    one = regrep.groups.cyclic(1)
    alone = EquivarianceMetric(regrep.trivial(one, 3), "error")
    z = torch.randn(9, 3)
    alone.update(z, 2 * z, torch.zeros(9, dtype=torch.int64))
    assert float(alone.compute()) == pytest.approx(math.sqrt(1 / 5))  # variances 1 and 4, and 1 of the difference
    metric = ThroughRhoMetric(MeanSquaredError(), one)
    metric.update(z, 2 * z, torch.zeros(9, dtype=torch.int64))
    assert float(metric.compute()) == pytest.approx(float(z.square().mean()))
