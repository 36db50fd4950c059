"""Learned representations: a free matrix per generator, pulled towards a representation by an algebra loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from regrep.arguments import is_real, shown, whole
from regrep.deprecated import renamed_argument
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.presentations import Word
from regrep.representations.representation import check_elements, check_group, multiplicities_of
from regrep.unrounded import unrounded

Start = Literal["orthogonal", "orthogonal+noise", "uniform", "identity"]
"""Ways to initialise the matrices; a mixture of irreducibles is given by their multiplicities instead."""

WIDEST = 16_384
"""Largest dimension; a matrix then takes a gigabyte."""

SINGULAR = 1e-12
"""An initial matrix whose smallest singular value is below this fraction of its largest has no usable inverse."""


class SingularMatrixError(RegrepError):
    """The matrix of a generator has no inverse."""


class LearnedRepresentation(nn.Module):
    """A representation to be learned: one free d x d matrix per generator of a presentation (section 4).

    The matrix of an element is the product along a shortest word in the generators; products that several words
    share are computed once. Nothing forces the matrices to satisfy the relations: :meth:`algebra_loss` penalises
    violations.

    Args:
        group: any finite group; its ``presentation`` gives the relators.
        dim: dimension d of the latent, at least 1.
        init: ``"orthogonal"`` (Haar measure), ``"orthogonal+noise"`` (plus ``noise`` times standard normal entries),
            ``"uniform"`` (entries in [0, 1)), ``"identity"``; or the multiplicities of irreducible representations
            in a random orthonormal basis, as a mapping ``{"A1": 6, "E": 12}`` or as text ``"A1=6,E=12"``; or the
            matrices themselves, [generators, d, d].
        noise: standard deviation of the noise of ``"orthogonal+noise"``.
        weights: of the relators in the algebra loss: one number per relator, or a mapping from a relator's text to
            its weight (1 for those left out).
        regularizer: weight of the regularizer of power relators, relative to that of the relator.
        generator: source of randomness of the initial matrices; defaults to torch's global one.

    Attributes:
        matrices: the only parameter, [generators, d, d], in the order of ``group.generators``.
        init: the initialisation in words, ``"given"`` for given matrices.

    Raises:
        RegrepError: a dimension below 1, an unknown initialisation, a weight below 0.
        SingularMatrixError: given matrices without inverse.

    >>> import regrep
    >>> G = regrep.groups.dihedral(3)
    >>> learned = LearnedRepresentation(G, dim=6, init={"A1": 1, "A2": 1, "E": 2})
    >>> bool(learned.algebra_loss() < 1e-10), learned.multiplicities()["E"] > 1.999
    (True, True)
    >>> learned(torch.randn(4, 6), torch.tensor([0, 1, 5, 2])).shape
    torch.Size([4, 6])
    """

    matrices: nn.Parameter
    init: str

    @renamed_argument("regulariser", "regularizer")
    def __init__(
        self,
        group: FiniteGroup,
        dim: int,
        init: Start | str | Mapping[str, int] | Tensor = "orthogonal",
        noise: float = 0.3,
        weights: Sequence[float] | Mapping[str, float] | None = None,
        regularizer: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_group(group)
        self.dim = whole("the dimension of a learned representation", dim, 1, WIDEST)
        if not (is_real(noise) and noise >= 0):
            raise RegrepError(f"noise is a finite number of at least 0, got {shown(noise)}; use 0 for no noise")
        if not (is_real(regularizer) and regularizer >= 0):
            raise RegrepError(f"the regularizer's weight is a finite number of at least 0, got {shown(regularizer)}")
        self.group, self.regularizer = group, float(regularizer)
        self.init, self._start, self._noise = _start_text(init), init, noise
        self.relators: tuple[Word, ...] = group.presentation.relators
        self.weights = _relator_weights(group, weights)
        start = init if isinstance(init, Tensor) else initial_matrices(group, dim, init, noise, generator)
        self.matrices = nn.Parameter(_checked_start(group, dim, start, needs_inverse=self._inverted() != ()))
        self._levels = _levels(group)

    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        """Apply rho(g[b]) to sample b.

        Computed at least in the parameter's precision, also under autocast: a product of rounded matrices would not
        satisfy any relation.

        Args:
            z: [B, d], floating point.
            g: int64 [B], one element per sample.

        Returns:
            [B, d], in the wider of the types of z and the matrices.
        """
        check_elements(self.group, g, z)
        if z.dim() != 2 or z.shape[1] != self.dim:
            raise RegrepError(
                f"a learned representation of dimension {self.dim} acts on latents [B, {self.dim}], got"
                f" {list(z.shape)}; flatten the latent or choose another dim"
            )
        with unrounded(z.device):
            dtype = torch.promote_types(z.dtype, self.matrices.dtype)
            present, where = torch.unique(g, return_inverse=True)
            stack = self._products(self.matrices.to(dtype), present.cpu())
            # Samples are sorted by element, so that no matrix is copied per sample.
            counts = torch.bincount(where, minlength=len(present))
            order = torch.argsort(where, stable=True)
            first = torch.cumsum(counts, 0) - counts
            slot = torch.arange(len(g), device=g.device) - first[where[order]]
            most = int(counts.max()) if len(g) else 0
            position = where[order] * most + slot
            table = z.new_zeros(len(present) * most, self.dim, dtype=dtype)
            table = table.index_copy(0, position, z.to(dtype)[order])
            moved = torch.bmm(table.reshape(len(present), most, self.dim), stack.transpose(1, 2)).reshape(table.shape)
            return torch.empty_like(z, dtype=dtype).index_copy(0, order, moved[position])

    def stack(self) -> Tensor:
        """All matrices, [n, d, d], in the order of the elements; differentiable."""
        return self._products(self.matrices, torch.arange(self.group.order))

    def matrix(self, element: int | str) -> Tensor:
        """Matrix of one element, [d, d]; differentiable."""
        return self._products(self.matrices, torch.tensor([self.group.index(element)]))[0]

    def redrawn(self, generator: torch.Generator | None = None) -> LearnedRepresentation:
        """A new initialisation, drawn as this one was: the baseline that training is compared with."""
        arguments = (self.group, self.dim, self._start, self._noise, self.weights, self.regularizer, generator)
        return LearnedRepresentation(*arguments)

    def snapshot(self) -> Tensor:
        """The current matrices, float64 [n, d, d] on the CPU: the input of :func:`regrep.diagnostics.analyse`."""
        with torch.no_grad():
            return self._products(self.matrices.double().cpu(), torch.arange(self.group.order))

    @property
    def character(self) -> Tensor:
        """Traces of the matrices, float64 [n], without gradient."""
        return torch.einsum("gii->g", self.snapshot())

    def multiplicities(self) -> dict[str, float]:
        """Multiplicity of each real irreducible (Eq. (3)), not rounded; not integers while rho is inexact."""
        return multiplicities_of(self.group, self.character)

    def eigenvalues(self) -> Tensor:
        """Eigenvalues of each generator's matrix, complex128 [generators, d], in no particular order."""
        return torch.linalg.eigvals(self.matrices.detach().double().cpu())

    def residuals(self) -> dict[str, Tensor]:
        """Mean squared residual MSE(rho(w), I) of each relator w, by the text of w; differentiable."""
        return {self.group.presentation.word_text(word): part for word, (part, _) in self._parts().items()}

    def algebra_loss(self) -> Tensor:
        """A(rho) = Σ_w weight_w · (MSE(rho(w), I) + regularizer · MSE(rho(s)^(n-1), rho(s)^-1)).

        The second part applies to relators w = s^n that are powers of a generator (Eqs. (4), (6), (7), (8)); the
        inverse comes from a linear solve.

        Raises:
            SingularMatrixError: a matrix whose inverse is needed is singular.
        """
        parts = self._parts()
        total = self.matrices.new_zeros(())
        for word, weight in zip(self.relators, self.weights, strict=True):
            residual, extra = parts[word]
            total = total + weight * (residual if extra is None else residual + self.regularizer * extra)
        return total

    def _parts(self) -> dict[Word, tuple[Tensor, Tensor | None]]:
        """Residual and regularizer of each relator."""
        with unrounded(self.matrices.device):
            letters = {k + 1: matrix for k, matrix in enumerate(self.matrices)}
            letters |= {-k: _inverse(letters[k], self.group.presentation.names[k - 1]) for k in self._inverted()}
            one = torch.eye(self.dim, dtype=self.matrices.dtype, device=self.matrices.device)
            parts: dict[Word, tuple[Tensor, Tensor | None]] = {}
            for word in self.relators:
                base, power = _as_power(word)
                product = letters[base[0]]
                for letter in base[1:]:
                    product = product @ letters[letter]
                before = torch.linalg.matrix_power(product, power - 1)
                extra = None
                if len(base) == 1 and base[0] > 0 and self.regularizer > 0:
                    extra = (before - letters[-base[0]]).square().mean()
                parts[word] = ((before @ product - one).square().mean(), extra)
            return parts

    def _inverted(self) -> tuple[int, ...]:
        """Generators, counted from 1, whose inverse the algebra loss needs."""
        used = {-letter for word in self.relators for letter in word if letter < 0}
        if self.regularizer > 0:
            used |= {word[0] for word in self.relators if len(set(word)) == 1 and word[0] > 0}
        return tuple(sorted(used))

    def _products(self, matrices: Tensor, elements: Tensor) -> Tensor:
        """Matrices of some elements, [elements, d, d]: level by level over the prefixes of their words."""
        parent, letter, level = self._levels
        needed = np.zeros(self.group.order, dtype=bool)
        front = np.unique(elements.numpy())
        while len(front):
            needed[front] = True
            front = np.unique(parent[front])
            front = front[~needed[front]]
        place = np.zeros(self.group.order, dtype=np.int64)
        blocks = [torch.eye(self.dim, dtype=matrices.dtype, device=matrices.device)[None]]
        count = 1
        for depth in range(1, int(level[needed].max(initial=0)) + 1):
            members = np.flatnonzero(needed & (level == depth))
            right = matrices[torch.from_numpy(letter[members]).to(matrices.device)]
            if depth == 1:
                blocks.append(right)
            else:
                # The parents are in the last block: words grow by one letter per level.
                left = blocks[-1][torch.from_numpy(place[parent[members]] - count + len(blocks[-1])).to(right.device)]
                blocks.append(left @ right)
            place[members] = count + np.arange(len(members))
            count += len(members)
        return torch.cat(blocks)[torch.from_numpy(place[elements.numpy()]).to(matrices.device)]

    def extra_repr(self) -> str:
        """Group and dimension."""
        return f"{self.group!r}, dim={self.dim}"


def initial_matrices(
    group: FiniteGroup,
    dim: int,
    init: Start | str | Mapping[str, int] = "orthogonal",
    noise: float = 0.3,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Initial matrices of the generators, [generators, d, d], in torch's default type.

    The arguments are those of :class:`LearnedRepresentation`.

    >>> from regrep.groups import cyclic
    >>> initial_matrices(cyclic(4), 2, "identity")
    tensor([[[1., 0.],
             [0., 1.]]])
    """
    shape = (len(group.generators), dim, dim)
    if isinstance(init, str) and init not in get_args(Start):
        init = parse_mixture(init)
    if isinstance(init, Mapping):
        return _mixture(group, dim, init, generator)
    if init == "uniform":
        return torch.rand(shape, generator=generator)
    if init == "identity":
        return torch.eye(dim).repeat(len(group.generators), 1, 1)
    matrices = orthogonal_matrices(len(group.generators), dim, generator).to(torch.get_default_dtype())
    if init == "orthogonal+noise":
        matrices = matrices + noise * torch.randn(shape, generator=generator)
    return matrices


def orthogonal_matrices(count: int, dim: int, generator: torch.Generator | None = None) -> Tensor:
    """Orthogonal matrices from the Haar measure, float64 [count, d, d] (Mezzadri, arXiv math-ph/0609050)."""
    q, r = torch.linalg.qr(torch.randn(count, dim, dim, generator=generator, dtype=torch.float64))
    return q * torch.diagonal(r, dim1=1, dim2=2).sign()[:, None]


def _start_text(init: str | Mapping[str, int] | Tensor) -> str:
    if isinstance(init, Tensor):
        return "given"
    if isinstance(init, str):
        return init
    if not isinstance(init, Mapping):
        raise RegrepError(
            f"init is a text, a mapping or a tensor of matrices, got a {type(init).__name__}; see its description"
        )
    return ",".join(f"{name}={count}" for name, count in init.items())


def parse_mixture(text: str) -> dict[str, int]:
    """Read multiplicities of irreducibles.

    >>> parse_mixture("A1=6,E=12")
    {'A1': 6, 'E': 12}
    """
    mixture: dict[str, int] = {}
    for part in text.split(","):
        name, _, count = part.partition("=")
        if not (name.strip() and count.strip().isdecimal()):
            raise RegrepError(f"init is one of {', '.join(get_args(Start))}, or a mixture like A1=6,E=12, got {text!r}")
        mixture[name.strip()] = int(count)
    return mixture


def _mixture(
    group: FiniteGroup, dim: int, multiplicities: Mapping[str, int], generator: torch.Generator | None
) -> Tensor:
    from regrep.representations.irreducible import irreps

    known = {rho.name: rho for rho in irreps(group)}
    for name, count in multiplicities.items():
        if name not in known or not hasattr(count, "__index__") or count < 0:
            raise RegrepError(
                f"a mixture counts irreducibles of {group.name}, which are {', '.join(known)}, got {name}={count}"
            )
    total = sum(known[name].dim * count for name, count in multiplicities.items())
    if total != dim:
        raise RegrepError(
            f"the irreducibles of a mixture add up to the dimension {dim}, but these add up to {total};"
            " change their numbers"
        )
    blocks = torch.zeros(len(group.generators), dim, dim, dtype=torch.float64)
    start = 0
    for name, count in multiplicities.items():
        matrices = known[name].stack()[list(group.generators)]
        for _ in range(count):
            stop = start + known[name].dim
            blocks[:, start:stop, start:stop] = matrices
            start = stop
    basis = orthogonal_matrices(1, dim, generator)[0]
    return (basis @ blocks @ basis.T).to(torch.get_default_dtype())


def _checked_start(group: FiniteGroup, dim: int, start: Tensor, needs_inverse: bool) -> Tensor:
    if tuple(start.shape) != (len(group.generators), dim, dim) or start.dtype not in (torch.float32, torch.float64):
        raise RegrepError(
            f"{group.name} has {len(group.generators)} generators, so initial matrices are a float32 or float64 tensor"
            f" {[len(group.generators), dim, dim]}, got {str(start.dtype)[6:]} {list(start.shape)}"
        )
    start = start.detach().clone()
    if not torch.isfinite(start).all():
        raise RegrepError("initial matrices are finite, got an infinite or undefined entry; choose another init")
    for matrix, name in zip(start, group.presentation.names, strict=True):
        values = torch.linalg.svdvals(matrix.double())
        if needs_inverse and not values[-1] > SINGULAR * values[0]:
            raise SingularMatrixError(
                f"the algebra loss inverts the matrix of {name}, but its initial value is singular; choose another init"
            )
    return start


def _relator_weights(group: FiniteGroup, weights: Sequence[float] | Mapping[str, float] | None) -> tuple[float, ...]:
    texts = [group.presentation.word_text(word) for word in group.presentation.relators]
    if weights is None:
        return (1.0,) * len(texts)
    if isinstance(weights, Mapping):
        unknown = [text for text in weights if text not in texts]
        if unknown:
            raise RegrepError(f"the relators of {group.name} are {', '.join(texts)}, got a weight for {unknown[0]!r}")
        weights = [weights.get(text, 1.0) for text in texts]
    listed = isinstance(weights, Sequence | np.ndarray | Tensor) and not isinstance(weights, str) and np.ndim(weights)
    if not listed or len(weights) != len(texts):
        known = f"{group.name} has {len(texts)} relators ({', '.join(texts)})"
        raise RegrepError(f"{known}, got weights {shown(weights)}; list one for each")
    for text, weight in zip(texts, weights, strict=True):
        if not (is_real(weight) and weight >= 0):
            raise RegrepError(f"the weight of relator {text} is a finite number of at least 0, got {shown(weight)}")
    return tuple(float(weight) for weight in weights)


def _levels(group: FiniteGroup) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each element: the element that its word extends, the last letter (from 0), and the length of the word."""
    position = {word: element for element, word in enumerate(group.words)}
    parent, letter = (np.zeros(group.order, dtype=np.int64) for _ in range(2))
    for element, word in enumerate(group.words):
        if word:
            parent[element], letter[element] = position[word[:-1]], word[-1] - 1
    return parent, letter, np.array([len(word) for word in group.words])


def _as_power(word: Word) -> tuple[Word, int]:
    """The shortest word of which this one is a power, and the exponent."""
    for length in range(1, len(word) + 1):
        power, rest = divmod(len(word), length)
        if rest == 0 and word[:length] * power == word:
            return word[:length], power
    raise AssertionError("a word is its own first power")


def _inverse(matrix: Tensor, name: str) -> Tensor:
    one = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    try:
        return torch.linalg.solve(matrix, one)
    except torch.linalg.LinAlgError as cause:
        raise SingularMatrixError(
            f"the matrix of {name} has become singular; lower the learning rate or choose another init"
        ) from cause
