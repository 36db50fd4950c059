"""Every network of the catalogue is what its entry says."""

import dataclasses

import pytest
import torch
from networks_fixture import parameters

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.networks.choice import build, build_entry
from regrep_paper.tables import check_config, entries, network
from regrep_paper.tables.network import Entry

SHAPES = {
    "ddmnist": (1, 56, 56),
    "medmnist3d": (1, 28, 28, 28),
    "smoke": (20, 64, 64),
    "single-digits": (1, 28, 28),
}
SLOW = ("scnn-so3", "scnn-o3", "rpp-so3", "rpp-o3", "pscnn-so3", "pscnn-o3")
"""Volumes convolved with sampled kernels: seconds on one core."""


def check(entry: Entry) -> None:
    net = build_entry(entry).eval()
    assert parameters(net) == entry.parameters
    if hasattr(net, "parameters_as_published"):
        assert net.parameters_as_published() == entry.parameters + entry.redundant
    with torch.no_grad():
        assert net.encoder(torch.randn(1, *SHAPES[entry.experiment])).shape[1:] == entry.latent


def case(entry: Entry):
    marks = [pytest.mark.slow] if entry.network in SLOW else []
    return pytest.param(entry, marks=marks, id=f"{entry.experiment}-{entry.network}-{entry.group}")


@pytest.mark.parametrize("entry", [case(entry) for entry in entries()])
def test_a_network_is_what_its_entry_says(entry):
    if not entry.available:
        pytest.skip("escnn is not installed")
    check(entry)


PSCNN = next(entry for entry in entries("ddmnist") if (entry.network, entry.group) == ("pscnn", "C4"))
PLAIN = entries("ddmnist")[0]


@pytest.mark.parametrize(
    "wrong", [{"parameters": 33_743}, {"latent": (65,)}, {"sizes": {"latent": 48, "classes": 100}}]
)
def test_a_wrong_entry_is_noticed(wrong):
    with pytest.raises(AssertionError):
        check(dataclasses.replace(PLAIN, **wrong))


@pytest.mark.skipif(not PSCNN.available, reason="escnn is not installed")
def test_a_wrong_number_of_redundant_parameters_is_noticed():
    with pytest.raises(AssertionError):
        check(dataclasses.replace(PSCNN, redundant=0))


def test_networks_are_available_as_their_library_is(monkeypatch):
    monkeypatch.setattr(network, "find_spec", lambda name: None)
    assert {entry.network for entry in entries() if entry.available} == {
        *("cnn", "projection", "mlp", "rgroup"),
        *(entry.network for entry in entries("smoke") if not entry.steerable),
    }


@pytest.mark.skipif(PSCNN.available, reason="escnn is installed")
@pytest.mark.parametrize("entry", [entry for entry in entries() if entry.steerable])
def test_a_network_that_needs_the_library_says_so(entry):
    with pytest.raises(MissingExtraError, match="baselines"):
        build_entry(entry)


def test_other_sizes():
    small = build_entry(next(entry for entry in entries("smoke") if entry.network == "cnn"), width=24, size=32)
    with torch.no_grad():
        assert small.encoder(torch.randn(1, 20, 32, 32)).shape == (1, 24, 32, 32)


@pytest.mark.parametrize("sizes", [{"latent": 0}, {"latent": -4}, {"classes": 0}])
def test_a_network_without_width_or_outputs_is_refused(sizes):
    with pytest.raises(RegrepError, match="of a network is at least 1, got"):
        build("ddmnist", "projection", **sizes)
    with pytest.raises(RegrepError, match="the latent of a network is at most 1000000, got 1000001"):
        build("ddmnist", "projection", latent=10**6 + 1)


def test_a_sweep_refuses_a_misspelt_network_before_it_runs():
    check_config({"experiment": "smoke", "network": "rgroup"})
    with pytest.raises(RegrepError, match=r"smoke has no network 'rgruop'; did you mean rgroup\?"):
        check_config({"experiment": "smoke", "network": "rgruop"})
