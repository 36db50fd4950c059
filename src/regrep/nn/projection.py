"""A penalty on the part of a network's weights that is not equivariant."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.nn.encoder_head import EncoderHead
from regrep.objectives.checks import check_weight
from regrep.representations import PermutationRepresentation, Representation, latent, trivial
from regrep.representations.permutation import tensor_index

WEIGHT = 0.01
"""Default weight of the penalty: at the initial weights the penalty is then about as large as the task loss.

No published weight is known.
"""


@dataclass(frozen=True, eq=False)
class Signed:
    """What a group does to the coordinates of an axis: ``(g z)[k] = sign[g, k] z[index[g, k]]``.

    Attributes:
        index: int64 [n, dim].
        sign: [n, dim], 1 or -1; 0 for a coordinate that some element takes out of the axis, where equivariant weights
            are 0.
    """

    index: Tensor
    sign: Tensor


Axis = Representation | Signed


class Reynolds(nn.Module):
    """The Reynolds operator ``P W = (1 / n) Σ_g rho(g) W`` on several tensors at once, an orthogonal projection.

    On each tensor rho is the tensor product of the representations along its axes; the points of a kernel are one
    flattened axis. For a layer that is ``(P W)(p) = (1 / n) Σ_g rho_out(g) W(g^-1 p) rho_in(g)^-1``. Entries are
    averaged over their orbits by one gather for all tensors, without making transformed copies.

    Args:
        axes: for each tensor its representations, which permute coordinates up to signs, or :class:`Signed` axes; all
            of the same group.

    Raises:
        RegrepError: a representation that does more than permute coordinates and flip signs.

    >>> import regrep
    >>> rho = regrep.regular(regrep.groups.cyclic(2))
    >>> Reynolds([[rho, rho]])(torch.tensor([1.0, 2.0, 4.0, 5.0]))  # P W commutes with the exchange of coordinates
    tensor([3., 3., 3., 3.])
    """

    def __init__(self, axes: Sequence[Sequence[Axis]]) -> None:
        super().__init__()
        listed = isinstance(axes, Sequence) and all(isinstance(tensor, Sequence) and tensor for tensor in axes)
        if not listed or not axes or not all(isinstance(rho, Axis) for tensor in axes for rho in tensor):
            raise RegrepError(f"axes are lists of representations, one list per tensor, got {shown(axes)}")
        parts, start = [], 0
        for tensor in axes:
            index, sign = _given(tensor[0])
            for rho in tensor[1:]:
                right, turned = _given(rho)
                index, sign = tensor_index(index, right), (sign[:, :, None] * turned[:, None, :]).flatten(1)
            first = index.min(dim=0).values == torch.arange(index.shape[1])  # one entry of each orbit
            parts.append((start + index[:, first].T, sign[:, first].T))
            start += index.shape[1]
        self.orbits: Tensor
        self.signs: Tensor
        self.register_buffer("orbits", torch.cat([index for index, _ in parts]), persistent=False)  # [orbits, n]
        self.register_buffer("signs", torch.cat([sign for _, sign in parts]).float(), persistent=False)

    def forward(self, weights: Tensor) -> Tensor:
        """Project the entries of all tensors, flattened and joined in their order."""
        means = (weights[self.orbits] * self.signs).mean(dim=1, keepdim=True)
        return torch.empty_like(weights).scatter(0, self.orbits.flatten(), (self.signs * means).flatten())


def _given(axis: Axis) -> tuple[Tensor, Tensor]:
    return (axis.index, axis.sign) if isinstance(axis, Signed) else signed(axis)


def signed(rho: Representation) -> tuple[Tensor, Tensor]:
    """(index, sign), each [n, dim], with ``(rho(g) z)[k] = sign[g, k] z[index[g, k]]``.

    Raises:
        RegrepError: the matrices have other entries.

    >>> import regrep
    >>> index, sign = signed(regrep.representations.sign(regrep.groups.dihedral(3)))
    >>> index.flatten().tolist(), sign.flatten().int().tolist()
    ([0, 0, 0, 0, 0, 0], [1, 1, 1, -1, -1, -1])
    """
    if isinstance(rho, PermutationRepresentation):
        return rho.index, torch.ones(rho.index.shape, dtype=torch.float64)
    matrices = rho.stack().round()
    if not torch.allclose(matrices, rho.stack()) or bool((matrices.abs().sum(dim=2) != 1).any()):
        raise RegrepError(
            f"weights are projected for representations that permute coordinates up to signs, and {rho.name} does not"
        )
    return matrices.abs().argmax(dim=2), matrices.sum(dim=2)


class Projection(nn.Module):
    """The projection of some parameters of a network; it owns no parameters, and the network stays the caller's.

    Args:
        axes: for each parameter by name, what the group does to its axes.
        shuffled: None, or the seed of a control: the entries of each parameter are projected in a random order, which
            ties as many of them to each other, without a symmetry.

    >>> import regrep
    >>> rho, network = regrep.regular(regrep.groups.cyclic(2)), nn.Linear(2, 2, bias=False)
    >>> projection = Projection({"weight": [rho, rho]})
    >>> projection.project_(network)
    >>> projection.squared_distance(network).item(), bool(network.weight[0, 0] == network.weight[1, 1])
    (0.0, True)
    """

    def __init__(self, axes: Mapping[str, Sequence[Axis]], shuffled: int | None = None) -> None:
        super().__init__()
        self.names, self.reynolds = tuple(axes), Reynolds(list(axes.values()))
        sizes = [math.prod(_given(axis)[0].shape[1] for axis in tensor) for tensor in axes.values()]
        self.order: Tensor | None
        self.register_buffer("order", None if shuffled is None else orders(sizes, shuffled), persistent=False)

    def squared_distance(self, network: nn.Module) -> Tensor:
        """``Σ ‖W − P W‖²`` over the parameters, a scalar with gradient."""
        weights = self._weights(network)
        # The projection is orthogonal, so that the gradient is 2 (W − P W) whether P W is held fixed or not.
        return (weights - self.reynolds(weights.detach())).square().sum()

    @torch.no_grad()
    def project_(self, network: nn.Module) -> None:
        """Replace the weights by their projections: those of the nearest equivariant network."""
        parameters, found = [network.get_parameter(name) for name in self.names], self.reynolds(self._weights(network))
        if self.order is not None:
            found = torch.empty_like(found).scatter(0, self.order, found)
        for parameter, part in zip(parameters, found.split([p.numel() for p in parameters]), strict=True):
            parameter.copy_(part.reshape(parameter.shape))

    def _weights(self, network: nn.Module) -> Tensor:
        joined = torch.cat([network.get_parameter(name).flatten() for name in self.names])
        return joined if self.order is None else joined[self.order]


def orders(sizes: Sequence[int], seed: int) -> Tensor:
    """A random order within each of several parts that lie one after another, int64.

    >>> orders([2, 3], 0).sort().values.tolist(), orders([2, 3], 0)[:2].sort().values.tolist()
    ([0, 1, 2, 3, 4], [0, 1])
    """
    draws, start, found = torch.Generator().manual_seed(seed), 0, []
    for size in sizes:
        found.append(start + torch.randperm(size, generator=draws))
        start += size
    return torch.cat(found)


class ProjectionPenalty(EncoderHead):
    """A network whose weights are pulled towards their equivariant projections (Berndt and Stühmer, 2026).

    ``regularizer()`` is ``weight · Σ ‖W − P W‖²`` over convolutions, linear layers, their biases, and scales and shifts
    of batch normalisations (arXiv 2601.05028; P is :class:`Reynolds`). It acts on weights only: no second view is
    needed, and inference is that of the plain network.

    This implementation follows the abstract of that paper and secondary accounts, not its full text. They give the
    objective ``task + λ_G ‖P T‖ + λ_⊥ ‖T − P T‖``, layer by layer, with the Frobenius norm as the authors' choice. Here
    λ_G = 0 and the norm is squared, which is smooth at 0. The following are choices of this implementation and may
    differ from the authors': the square, the sum over layers, what counts as a layer, the weight, and the
    representations on hidden channels: as many regular copies as fit and trivial ones for the rest
    (:func:`regrep.latent`), only trivial ones in layers narrower than the group.

    State and parameters are those of the plain network. Running statistics of batch normalisations are not penalised.
    """

    def penalise(
        self, pixels: Callable[[int], Representation], inputs: Representation, outputs: Representation, weight: float
    ) -> None:
        """Set up the penalty.

        Args:
            pixels: side of a kernel -> representation on its points.
            inputs: representation on the channels of the input of the first layer.
            outputs: representation on the outputs of the last layer.
            weight: weight of the penalty, at least 0.

        Raises:
            RegrepError: a negative weight, or an unsupported kind of layer.
        """
        check_weight("weight", weight)
        self.weight = weight
        self.projection = Projection(axes_of(self, pixels, inputs, outputs))

    def regularizer(self) -> Tensor:
        """The weighted penalty."""
        return self.weight * self.projection.squared_distance(self)

    def project_(self) -> None:
        """Replace the weights by their projections: the nearest equivariant network."""
        self.projection.project_(self)


def axes_of(
    network: nn.Module, pixels: Callable[[int], Representation], inputs: Representation, outputs: Representation
) -> Mapping[str, Sequence[Representation]]:
    """The representations along the axes of each parameter of a network; arguments as in :class:`ProjectionPenalty`.

    Raises:
        RegrepError: a parameter that belongs to no convolution, linear layer or batch normalisation.
    """
    group = inputs.group
    layers = {name: m for name, m in network.named_modules() if isinstance(m, (nn.Conv2d, nn.Conv3d, nn.Linear))}
    first, *_, last = layers
    axes: dict[str, Sequence[Representation]] = {}
    for name, layer in network.named_modules():
        if name in layers:
            channels = [outputs if name == last else hidden(group, layer.weight.shape[0])]
            channels += [inputs if name == first else hidden(group, layer.weight.shape[1])]
            points = [] if isinstance(layer, nn.Linear) else [pixels(layer.weight.shape[-1])]
            axes |= {f"{name}.weight": [*channels, *points], f"{name}.bias": channels[:1]}
        elif isinstance(layer, _BatchNorm):
            axes[f"{name}.weight"] = axes[f"{name}.bias"] = [hidden(group, layer.num_features)]
    parameters = [name for name, _ in network.named_parameters()]
    for name in parameters:
        if name not in axes:
            raise RegrepError(
                f"only convolutions, linear layers and batch normalisations can be projected, got the parameter {name}"
            )
    return {name: axes[name] for name in parameters}


def hidden(group: FiniteGroup, channels: int) -> PermutationRepresentation:
    """Eq. (5) on the channels of a hidden layer; trivial if it has fewer channels than the group has elements.

    >>> import regrep
    >>> hidden(regrep.groups.dihedral(4), 36), hidden(regrep.groups.dihedral(4), 6)
    (<4 regular ⊕ 4 trivial of D4, dim 36>, <6 trivial of D4, dim 6>)
    """
    return latent(group, channels) if channels >= group.order else trivial(group, channels)
