"""Linear equivariance: how well E(gx) is a linear function of E(x), for layers whose representation is unknown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regrep.actions import Action, sample
from regrep.diagnostics.principal import Reduction, orbits_that_fit, principal_components
from regrep.diagnostics.reading import beyond_identity, check_finite, check_samples, element, evaluating, plain, reader
from regrep.diagnostics.ridge import LinearFit
from regrep.errors import RegrepError
from regrep.representations.representation import multiplicities_of

COORDINATES = 256
"""At most this many principal components represent a layer."""

LEAST = 16
"""Fewest samples that can be split into a half to fit on and a half to test on."""

Read = Callable[[Tensor, Callable[[str, Tensor], Tensor]], dict[str, Tensor]]
"""(x, reduce) -> the values of ``reduce(name, latent)`` for each layer."""


@dataclass(frozen=True, eq=False)
class LinearEquivariance:
    """How well the best linear maps W_g take E(x) to E(gx), on held-out samples.

    Attributes:
        elements: names of the elements.
        r2: float64 [n], R² = 1 - Σ|E(gx) - W_g E(x)|² / V(E(gx)): 1 for a steerable layer, whatever its representation;
            at most about 0 for unrelated latents. nan, like the others, for a layer that does not vary.
        null: float64 [n], the same with E(gx) of other samples.
        invariance: float64 [n], R² with W_g = 1: 1 for an invariant layer, -1 for unrelated latents.
        random_elements: R² where every sample is transformed by its own random element of the whole group, the identity
            included. For a steerable layer it is the invariant part's share of the variance, at least 1/n for copies of
            the regular representation with equal variance; for unrelated latents it is 1/n², as those samples that
            stay are predicted. An ``r2`` above it shows that the layer is more than invariant; one below shows nothing,
            and in a group of two the level is 1/4 to 1/2 without any invariance to speak of.
        multiplicities: multiplicities of the real irreducible representations in tr W_g, not rounded, by name; they
            describe a representation where ``r2`` is near 1.
        shape: shape of the latent, without the batch.
        dim: number of fitted coordinates: all of the latent's or its principal components.
        kept: fraction of the variance in these.
        samples: number of held-out samples.
    """

    elements: tuple[str, ...]
    r2: Tensor
    null: Tensor
    invariance: Tensor
    random_elements: float
    multiplicities: dict[str, float]
    shape: tuple[int, ...]
    dim: int
    kept: float
    samples: int

    @property
    def mean(self) -> float:
        """Mean R² over the elements other than the identity."""
        return beyond_identity(self.r2)

    @property
    def mean_null(self) -> float:
        """Mean of ``null`` over the elements other than the identity."""
        return beyond_identity(self.null)

    @property
    def mean_invariance(self) -> float:
        """Mean of ``invariance`` over the elements other than the identity."""
        return beyond_identity(self.invariance)

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; nan becomes None."""
        names = ("r2", "null", "invariance", "random_elements", "mean", "mean_null", "mean_invariance", "kept")
        return {
            "elements": list(self.elements),
            **{name: plain(getattr(self, name)) for name in names},
            "multiplicities": {name: plain(value) for name, value in self.multiplicities.items()},
            "shape": list(self.shape),
            "dim": self.dim,
            "samples": self.samples,
        }

    def __str__(self) -> str:
        width = max(len("mean but e"), *(len(name) for name in self.elements))
        lines = [f"{'element':{width}}  linear R2  shuffled  invariance R2"]
        means = (self.mean, self.mean_null, self.mean_invariance)
        rows = [*zip(self.r2.tolist(), self.null.tolist(), self.invariance.tolist(), strict=True), means]
        for name, (r2, null, same) in zip((*self.elements, "mean but e"), rows, strict=True):
            lines.append(f"{name:{width}}  {r2:9.4f}  {null:8.4f}  {same:13.4f}")
        lines.append(f"{'random':{width}}  {self.random_elements:9.4f}  (an element at random for every sample)")
        counts = ", ".join(f"{name} {value:.2f}" for name, value in self.multiplicities.items())
        lines.append(f"multiplicities in tr W: {counts}")
        lines.append(
            f"{self.dim} coordinates of {' x '.join(map(str, self.shape))} with {self.kept:.1%} of the variance,"
            f" tested on {self.samples} samples"
        )
        return "\n".join(lines)


def linear_equivariance(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    act: Action,
    *,
    layer: str | None = None,
    batch_size: int = 256,
    seed: int = 0,
) -> LinearEquivariance:
    """R² of the best linear W_g from E(x) to E(gx) for every element of the group, with no representation given.

    The W_g are fitted by ridge regression with an offset on one half of the samples and tested on the other, in the
    coordinates of the latent. Where these are more than 256, or more than a quarter of the samples, the principal
    components over whole orbits {E(gx)} are used instead. Under an orthogonal representation, such as any permutation
    of pixels and channels, these span an invariant space, because the set of samples is invariant: a steerable layer
    still has R² = 1. The converse does not hold: an invertible linear layer is linearly equivariant as well; R² shows
    that some W_g exist, not that the layer was built for them.

    Args:
        model: x -> latent, or a model; modules are evaluated as by :func:`regrep.equivariance_error`.
        x: [N, ...], samples; a few hundred.
        act: how G acts on x.
        layer: measure this layer of the model (a module) instead of its output.
        batch_size: samples at a time.
        seed: seed of the two halves, the shuffled samples and the random elements.

    Raises:
        RegrepError: fewer than 16 samples, no such layer, or latents that are not a finite real tensor.

    Warns:
        EvaluationWarning: a given function calls modules in training mode.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> act, x = regrep.actions.RotateFlip2d(G), torch.rand(200, 6, 6, generator=torch.Generator().manual_seed(0))
    >>> corners = lambda x: torch.stack([x[:, 0, 0], x[:, 5, 0], x[:, 5, 5], x[:, 0, 5]], dim=1)
    >>> found = linear_equivariance(corners, x, act)
    >>> round(found.mean, 4), {name: round(value, 2) for name, value in found.multiplicities.items()}
    (1.0, {'A': 1.0, 'B': 1.0, 'E': 1.0})
    """
    check_samples(x, batch_size, act)
    encode = reader(model, layer)
    with evaluating(model):
        return measure_layers(lambda x, reduce: {"": reduce("", encode(x))}, x, act, batch_size, seed)[""]


def measure_layers(read: Read, x: Tensor, act: Action, batch_size: int, seed: int) -> dict[str, LinearEquivariance]:
    """The linear equivariance of every layer that ``read`` returns, by name."""
    if len(x) < LEAST:
        raise RegrepError(f"linear maps are fitted on one half of at least {LEAST} samples, got {len(x)}; pass more")
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    labels = sample(act.group, len(x), generator)
    fitted = len(x) // 2
    shapes: dict[str, tuple[int, ...]] = {}
    reductions = _reductions(read, x, act, batch_size, min(COORDINATES, fitted // 2), shapes)

    def reduce(name: str, z: Tensor) -> Tensor:
        return reductions[name](z)

    parts = x.split(batch_size)
    own = _join([read(part, reduce) for part in parts])
    fits = {}
    for name, z in own.items():
        check_finite(z)
        fits[name] = LinearFit(z[order[:fitted]], z[order[fitted:]])
    shuffled = torch.randperm(fitted, generator=generator), torch.randperm(len(x) - fitted, generator=generator)
    rows: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in own}
    mixed = {name: torch.empty_like(z) for name, z in own.items()}
    for k in range(act.group.order):
        moved = _join([read(act(part, element(k, part)), reduce) for part in parts])
        for name, fit in fits.items():
            v = moved[name]
            check_finite(v)
            mixed[name][labels == k] = v[labels == k]
            first, second = v[order[:fitted]], v[order[fitted:]]
            found = fit(first, second)
            null = fit(first[shuffled[0]], second[shuffled[1]])
            rows[name].append((found.r2, null.r2, fit.same(second), found.trace))
    results = {}
    for name, fit in fits.items():
        r2, nulls, same, traces = torch.tensor(rows[name], dtype=torch.float64).unbind(dim=1)
        random = fit(mixed[name][order[:fitted]], mixed[name][order[fitted:]]).r2
        results[name] = LinearEquivariance(
            elements=act.group.names,
            r2=r2,
            null=nulls,
            invariance=same,
            random_elements=random,
            multiplicities=multiplicities_of(act.group, traces),
            shape=shapes[name],
            dim=own[name].shape[1],
            kept=reductions[name].kept,
            samples=len(x) - fitted,
        )
    return results


def _reductions(
    read: Read, x: Tensor, act: Action, batch_size: int, most: int, shapes: dict[str, tuple[int, ...]]
) -> dict[str, Reduction]:
    """The map of each layer to at most ``most`` coordinates; notes the shapes."""

    def note(name: str, z: Tensor) -> Tensor:
        shapes[name] = tuple(z.shape[1:])
        return z.flatten(1)[:, :0]

    read(x[:1], note)
    wide = {name: math.prod(shape) for name, shape in shapes.items()}
    counts = {name: orbits_that_fit(dim, act.group.order, len(x)) for name, dim in wide.items() if dim > most}
    found: dict[str, list[Tensor]] = {name: [] for name in counts}
    left = 0

    def keep(name: str, z: Tensor) -> Tensor:
        if name in found and left < counts[name]:
            found[name].append(z[: counts[name] - left].flatten(1).detach().cpu().clone())
        return z.flatten(1)[:, :0]

    for part in x[: max(counts.values(), default=0)].split(batch_size):
        for k in range(act.group.order):
            read(act(part, element(k, part)), keep)
        left += len(part)
    return {
        name: principal_components(torch.cat(found[name]), most) if name in found else Reduction() for name in shapes
    }


def _join(batches: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Latents of all batches, float64 [N, d], by layer."""
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def leaves(model: nn.Module) -> dict[str, nn.Module]:
    """The layers of a model that contain no others, by name; the model itself if it contains none."""
    return {name: part for name, part in model.named_modules() if not any(True for _ in part.children())}
