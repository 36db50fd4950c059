"""What a comparison keeps of each run: plain numbers and texts, which are checked when they are read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regrep.actions.trees import leaves
from regrep.arguments import is_real, is_whole, shown
from regrep.comparison.arms import ARMS
from regrep.errors import RegrepError

LONGEST = 10_000_000
"""At most this many scores are read."""


@dataclass(frozen=True)
class Trained:
    """A network that was trained.

    Attributes:
        arm: name of the arm.
        weight: its weight, or None.
        seed: seed of weights, batches and elements.
        validation: metric on the validation samples.
        steps: steps of training.
        initial: fingerprint of the initial weights.
        order: fingerprint of the batches and elements.
        data: fingerprint of the labelled, unlabelled and validation samples.
        step_seconds: median time of a training step; on an accelerator with the making of its batch.
        step_flops: floating-point operations of matrix products and convolutions in a training step.
        device: where it was trained, ``cpu`` or the name of a card.
        course: the weight that followed a target, from the first step on at equal distances; empty without one.
    """

    arm: str
    weight: float | None
    seed: int
    validation: float
    steps: int
    initial: str
    order: str
    data: str
    step_seconds: float
    step_flops: float
    device: str = "cpu"
    course: tuple[float, ...] = ()

    @property
    def pairing(self) -> tuple[str, str, str, int]:
        """What the runs of one seed share."""
        return self.initial, self.order, self.data, self.steps

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Trained:
        """From a record.

        Raises:
            RegrepError: it is damaged.
        """
        found = {**{one.name: record.get(one.name) for one in fields(cls)}, "device": record.get("device", "cpu")}
        _check_run(found)
        _check(found, ("validation", "steps", "step_seconds", "step_flops"), ("initial", "order", "data", "device"))
        course = record.get("course", ())
        if not isinstance(course, list | tuple) or not all(is_real(value) and value > 0 for value in course):
            raise RegrepError(f"course of a record holds weights above 0, got {shown(course)}; restore a copy")
        found["course"] = tuple(map(float, course))
        return cls(**found)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A network that was tested.

    Attributes:
        arm: name of the arm.
        weight: its weight, or None.
        seed: seed.
        scores: float64 [N], the metric's score of each test sample, or [1], the metric of all.
        by_sample: whether there is a score for each sample.
        samples: fingerprint of the test samples.
        seconds: time of inference for one sample.
        flops: floating-point operations of matrix products and convolutions of inference for one sample.
        before: equivariance of the initial network: ``whitened_error``, ``through_rho``, ``output_error``.
        after: that of the trained one.
        device: where it was tested, ``cpu`` or the name of a card.
    """

    arm: str
    weight: float | None
    seed: int
    scores: NDArray[np.float64]
    by_sample: bool
    samples: str
    seconds: float
    flops: float
    before: Mapping[str, float | None]
    after: Mapping[str, float | None]
    device: str = "cpu"

    @property
    def metric(self) -> float:
        """Mean score."""
        return float(self.scores.mean())

    def as_dict(self) -> dict[str, Any]:
        """For a record; scores as bits if they are hits, else in single precision."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            **plain,
            "scores": packed(self.scores),
            "before": dict(self.before),
            "after": dict(self.after),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Evaluated:
        """From a record.

        Raises:
            RegrepError: it is damaged.
        """
        found = {**{one.name: record.get(one.name) for one in fields(cls)}, "device": record.get("device", "cpu")}
        _check_run(found)
        _check(found, ("seconds", "flops"), ("samples", "device"))
        if not isinstance(found["by_sample"], bool):
            raise RegrepError(
                f"by_sample of a record is true or false, got {shown(found['by_sample'])}; restore a copy"
            )
        for name in ("before", "after"):
            values = found[name]
            if not isinstance(values, Mapping) or not all(
                isinstance(key, str) and (value is None or is_real(value)) for key, value in values.items()
            ):
                raise RegrepError(f"{name} of a record holds numbers, got {shown(values)}; restore a copy")
        return cls(**{**found, "scores": unpacked(found["scores"])})


KINDS = {"float32": "<f4", "float64": "<f8"}
"""Numbers of scores that are not 0 or 1, as numpy names them."""


def packed(scores: NDArray[np.float64]) -> dict[str, Any]:
    """Scores for a record.

    >>> unpacked(packed(np.array([1.0, 0.0, 1.0]))), unpacked(packed(np.array([0.25, 3.0])))
    (array([1., 0., 1.]), array([0.25, 3.  ]))
    """
    if ((scores == 0) | (scores == 1)).all():
        kind, data = "bits", np.packbits(scores.astype(bool)).tobytes()
    else:
        with np.errstate(over="ignore"):
            kind = "float32" if (scores.astype("<f4") == scores).all() else "float64"  # nothing is lost
        data = scores.astype(KINDS[kind]).tobytes()
    return {
        "count": len(scores),
        "kind": kind,
        "data": base64.urlsafe_b64encode(data).decode(),
    }


def unpacked(record: Any) -> NDArray[np.float64]:
    """Scores from a record.

    Raises:
        RegrepError: it is damaged.
    """
    count = record.get("count") if isinstance(record, Mapping) else None
    if not isinstance(count, int) or not 1 <= count <= LONGEST:
        raise RegrepError(f"scores of a record are 1 to {LONGEST} numbers, got {shown(count)}; restore a copy")
    try:
        data = base64.b64decode(str(record.get("data")).replace("-", "+").replace("_", "/"), validate=True)
        if record.get("kind") == "bits":
            scores = np.unpackbits(np.frombuffer(data, np.uint8), count=count).astype(np.float64)
        else:
            scores = np.frombuffer(data, KINDS[record["kind"]]).astype(np.float64)
    except (ValueError, KeyError, TypeError, binascii.Error) as cause:
        raise RegrepError(f"the scores of a record cannot be read ({cause}); restore a copy") from cause
    size = -(-count // 8) if record["kind"] == "bits" else np.dtype(KINDS[record["kind"]]).itemsize * count
    if len(data) != size or not np.isfinite(scores).all():
        raise RegrepError(f"a record has {count} finite scores in {size} bytes, got {len(data)} bytes; restore a copy")
    return scores


def fingerprint(*trees: Any) -> str:
    """A short hash of the tensors of some trees, and of their shapes and kinds.

    >>> fingerprint(torch.zeros(2)) == fingerprint(torch.zeros(2)) != fingerprint(torch.zeros(2, 1))
    True
    """
    digest = hashlib.sha256()
    for tree in trees:
        for path, leaf in leaves(tree):
            digest.update(repr(path).encode())
            if isinstance(leaf, Tensor):
                digest.update(f"{leaf.dtype}{list(leaf.shape)}".encode())
                digest.update(leaf.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """A copy of a network's state, on the CPU."""
    return {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items()}


def _check_run(found: Mapping[str, Any]) -> None:
    if not isinstance(found["arm"], str) or found["arm"] not in ARMS:
        raise RegrepError(f"a record belongs to an arm, got {shown(found['arm'])}; restore a copy, or delete it")
    if not is_whole(found["seed"]) or not (found["weight"] is None or is_real(found["weight"])):
        raise RegrepError(
            f"a record has a seed and a weight, got {shown(found['seed'])} and {shown(found['weight'])}; restore a copy"
        )


def _check(found: Mapping[str, Any], numbers: tuple[str, ...], texts: tuple[str, ...]) -> None:
    for name in numbers:
        if not is_real(found[name]) or not math.isfinite(found[name]):
            raise RegrepError(f"{name} of a record is a number, got {shown(found[name])}; restore a copy")
    for name in texts:
        if not isinstance(found[name], str):
            raise RegrepError(f"{name} of a record is a text, got {shown(found[name])}; restore a copy")
