"""Trees of tensors: how a group acts on data of several parts."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.groups.finite import check_group

Path = tuple[Any, ...]
"""Steps into a tree: keys of mappings, places in sequences, names of fields."""


class TreeAction(Action):
    """A tree of actions on a tree of data, each on its part, all with the same elements.

    The data are tuples, lists, dicts, named tuples, dataclasses and other mappings, nested at will, such as the outputs
    of a model. An action stands for every tensor below its place; None leaves what is below in place.

    ``Product`` is another name of it: ``Product(image, boxes)`` acts on pairs ``(image, boxes)``, and
    ``Product(image=a, boxes=b)`` on dicts.

    Args:
        actions: actions or representations of one group, or None, in the shape of the data; several are the parts of a
            tuple.
        named: the parts of a dict, instead.

    Raises:
        RegrepError: no action, or actions of different groups; on a call, data of another shape, with the path in the
            tree.

    >>> import regrep
    >>> G = regrep.groups.cyclic(2)
    >>> act = TreeAction({"pair": regrep.regular(G), "name": None})
    >>> act({"pair": torch.tensor([[1, 2]]), "name": torch.tensor([7])}, torch.tensor([1]))
    {'pair': tensor([[2, 1]]), 'name': tensor([7])}
    >>> Product(regrep.regular(G), regrep.sign(G))((torch.tensor([[1, 2]]), torch.tensor([[3.0]])), torch.tensor([1]))
    (tensor([[2, 1]]), tensor([[-3.]]))
    """

    def __init__(self, *actions: Any, **named: Any) -> None:
        if bool(actions) == bool(named):
            raise RegrepError(
                "a tree of actions is one tree, several parts of a tuple, or named parts of a dict, got"
                f" {len(actions)} parts and {len(named)} named ones; put both kinds into one tree"
            )
        self.actions: Any = named or (actions[0] if len(actions) == 1 else actions)
        found = {path: action for path, action in leaves(self.actions) if action is not None}
        for path, action in found.items():
            if not (callable(action) and hasattr(action, "group")):
                raise RegrepError(
                    f"a tree of actions holds actions, representations and None, got {action!r} at {text(path)};"
                    " use None for what does not move"
                )
        groups = {action.group for action in found.values()}
        if len(groups) != 1:
            got = " and ".join(sorted(group.name for group in groups)) or "none"
            raise RegrepError(f"a tree of actions has one group, got {got}; let one group act on every part")
        (self.group,) = groups
        self.exact = all(getattr(action, "exact", True) for action in found.values())

    def __call__(self, x: Any, g: Tensor) -> Any:
        """Transform each part of the data; arguments as for any action."""
        return moved(self.actions, x, g)

    def apply(self, x: Any, g: Tensor) -> Any:
        """The same."""
        return moved(self.actions, x, g)

    def round_trip_error(self, x: Any) -> Tensor:
        """The largest one of the parts whose action interpolates, float64 [n]; see the action on images."""
        check_group(self.group)
        worst = torch.zeros(self.group.order, dtype=torch.float64)

        def visit(action: Any, path: Path, leaf: Tensor) -> Tensor:
            nonlocal worst
            if not getattr(action, "exact", True) and hasattr(action, "round_trip_error"):
                worst = torch.maximum(worst, action.round_trip_error(leaf))
            return leaf

        _walk(visit, self.actions, x, ())
        return worst

    def __repr__(self) -> str:
        return f"TreeAction({self.actions!r})"


Product = TreeAction
"""One group on several tensors at once: the tree of their actions."""


def as_action(action: Any) -> Any:
    """A tree of actions as one action; everything else as it is."""
    one = callable(action) or children(action) is None or isinstance(action, FiniteGroup)
    return action if one else TreeAction(action)


def moved(action: Any, x: Any, g: Tensor) -> Any:
    """A tree of data, each tensor transformed by the action at its place in a tree of actions.

    Raises:
        RegrepError: trees that do not fit each other, or data on which an action does not act; with the path.
    """
    if isinstance(x, Tensor) and callable(action):
        return action(x, g)

    def move(action: Any, path: Path, leaf: Tensor) -> Tensor:
        try:
            return action(leaf, g)
        except RegrepError as error:
            raise RegrepError(f"at {text(path)}: {error}") from error

    return _walk(move, action, x, ())


def _walk(visit: Callable[[Any, Path, Tensor], Any], actions: Any, x: Any, path: Path) -> Any:
    if isinstance(actions, TreeAction):
        actions = actions.actions
    if actions is None or x is None:
        return x
    inner = children(x)
    if callable(actions):
        if isinstance(x, Tensor):
            return visit(actions, path, x)
        if inner is None:
            raise RegrepError(
                f"an action moves tensors, got a {type(x).__name__} at {text(path)}; put None there in the tree of"
                " actions"
            )
        return rebuilt(x, {step: _walk(visit, actions, part, (*path, step)) for step, part in inner.items()})
    parts = children(actions) or {}
    if inner is None or set(parts) != set(inner):
        got = f"a {type(x).__name__}" if inner is None else ", ".join(map(repr, inner)) or "nothing"
        raise RegrepError(
            f"the tree of actions has {', '.join(map(repr, parts))} at {text(path)}, but the data have {got} there;"
            " list every part of the data, with None for what does not move"
        )
    return rebuilt(x, {step: _walk(visit, parts[step], part, (*path, step)) for step, part in inner.items()})


def children(node: Any) -> dict[Any, Any] | None:
    """What a node of a tree holds, by step; None for a leaf.

    >>> children({"a": 1}), children((5, 6)), children(torch.zeros(2))
    ({'a': 1}, {0: 5, 1: 6}, None)
    """
    if node is None or isinstance(node, Tensor):
        return None
    if isinstance(node, Mapping):
        return dict(node)
    if type(node) in (tuple, list):  # what follows is not compiled as one graph by every version of PyTorch
        return dict(enumerate(node))
    if dataclasses.is_dataclass(node) and not isinstance(node, type) and not callable(node):
        return {field.name: getattr(node, field.name) for field in dataclasses.fields(node)}
    try:
        keyed, _ = pytree.tree_flatten_with_path(node, is_leaf=lambda inner: inner is not node)
    except ValueError:  # a type whose parts have no names
        return None
    if [path for path, _ in keyed] == [()]:
        return None
    return {_step(path[0]): part for path, part in keyed}


def _step(key: Any) -> Any:
    return next(getattr(key, name) for name in ("key", "idx", "name") if hasattr(key, name))


def rebuilt(node: Any, parts: Mapping[Any, Any]) -> Any:
    """A node of the same type with other children."""
    if isinstance(node, Mapping):
        twin: Any = copy.copy(node)
        for key, value in parts.items():
            twin[key] = value
        return twin
    if dataclasses.is_dataclass(node):
        twin = copy.copy(node)
        for name, value in parts.items():
            object.__setattr__(twin, name, value)  # frozen ones too
        return twin
    _, spec = pytree.tree_flatten(node, is_leaf=lambda inner: inner is not node)
    return pytree.tree_unflatten(list(parts.values()), spec)


def leaves(tree: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """All leaves of a tree with their paths.

    >>> leaves({"a": 1, "b": (2, [])})
    [(('a',), 1), (('b', 0), 2)]
    """
    inner = children(tree)
    if inner is None:
        return [(path, tree)]
    return [leaf for step, part in inner.items() for leaf in leaves(part, (*path, step))]


def mapped(function: Callable[[Path, Tensor], Any], tree: Any, path: Path = ()) -> Any:
    """The tree with a function of path and tensor applied to each tensor."""
    if isinstance(tree, Tensor):
        return function(path, tree)
    inner = children(tree)
    if inner is None:
        return tree
    return rebuilt(tree, {step: mapped(function, part, (*path, step)) for step, part in inner.items()})


def rows(tree: Any, chosen: slice | Tensor) -> Any:
    """Some samples of every tensor of a tree; scalars and what is no tensor stay as they are.

    >>> rows((torch.tensor([1, 2, 3]), "name"), slice(2))
    (tensor([1, 2]), 'name')
    """
    if isinstance(tree, Tensor):
        return tree[chosen]
    return mapped(lambda path, leaf: leaf[chosen] if leaf.dim() else leaf, tree)


def joined(trees: Sequence[Any]) -> Any:
    """Trees of one shape, with the samples of all of them; what is no tensor is that of the first."""
    if isinstance(trees[0], Tensor):
        return torch.cat(list(trees))
    others = [dict(leaves(tree)) for tree in trees[1:]]

    def join(path: Path, leaf: Tensor) -> Tensor:
        return torch.cat([leaf, *(other[path] for other in others)]) if leaf.dim() else leaf

    return mapped(join, trees[0])


def batches(tree: Any, size: int) -> list[Any]:
    """A tree of samples in parts of limited size."""
    if isinstance(tree, Tensor):
        return list(tree.split(size))
    return [rows(tree, slice(start, start + size)) for start in range(0, samples_in(tree), size)]


def tensor_in(tree: Any) -> Tensor:
    """The first tensor of a tree that has samples."""
    if isinstance(tree, Tensor):
        return tree
    for _, leaf in leaves(tree):
        if isinstance(leaf, Tensor) and leaf.dim():
            return leaf
    raise RegrepError(f"data hold at least one tensor [B, ...], got {type(tree).__name__}; put the batch first")


def samples_in(tree: Any, expected: int | None = None, what: str = "the data") -> int:
    """Number of samples B of a tree of tensors [B, ...].

    Raises:
        RegrepError: tensors of different length, with the path in the tree.

    >>> samples_in({"image": torch.zeros(3, 2), "scale": torch.tensor(1.0)})
    3
    """
    if isinstance(tree, Tensor):
        tree = (tree,) if tree.dim() else ()
    count = expected
    for path, leaf in leaves(tree):
        if isinstance(leaf, Tensor) and leaf.dim():
            count = len(leaf) if count is None else count
            if len(leaf) != count:
                raise RegrepError(
                    f"every tensor of {what} has one row per sample, {count} here, got {list(leaf.shape)} at"
                    f" {text(path)}; put the batch first"
                )
    if count is None:
        raise RegrepError(f"{what} hold at least one tensor [B, ...], got none; put the batch first")
    return count


def part_of(tree: Any, path: Path, what: str = "the data") -> Any:
    """What is at a path of a tree.

    Raises:
        RegrepError: nothing is there.

    >>> part_of({"a": (1, 2)}, ("a", 1))
    2
    """
    for k, step in enumerate(path):
        inner = children(tree) or {}
        if isinstance(step, int) and step not in inner and not isinstance(tree, Mapping):
            inner = dict(enumerate(inner.values()))  # fields of a named tuple by place
        if step not in inner:
            raise RegrepError(
                f"{what} have nothing at {text(path[: k + 1])}; there are {', '.join(map(repr, inner)) or 'no parts'}"
            )
        tree = inner[step]
    return tree


def text(path: Path) -> str:
    """A path in words.

    >>> text(("boxes", 0)), text(())
    ("['boxes'][0]", 'the root')
    """
    return "".join(f"[{step!r}]" for step in path) or "the root"
