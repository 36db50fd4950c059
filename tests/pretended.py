"""A card that this machine does not have: tensors that say they lie on another device, and compute on the CPU.

What fails on a real card fails here: an operation on tensors of two devices raises. What waits for the card is counted.
The name of the device is that of the meta device, the only other one that every build of torch can keep gradients on.
"""

from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from regrep.comparison import devices, trial, watch
from regrep.placed import Placed

NAME = "pretended card"

CARD = torch.device("meta")

READS = {"_local_scalar_dense", "item", "nonzero", "equal", "masked_select", "is_nonzero"}
"""Operations that wait until the card has computed a value."""

COPIES = {"_to_copy", "copy_"}


class OnCard(Tensor):
    """A tensor on the card; ``held`` has its values."""

    @staticmethod
    def __new__(cls, held):
        made = Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=CARD
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return carried_out(function, args, kwargs or {})[0]

    def __repr__(self):
        return f"on the card: {self.held}"


class Card(TorchDispatchMode):
    """The card.

    Attributes:
        waits: names of the operations that waited for it: reads, and copies that are not non-blocking.
    """

    def __init__(self):
        super().__init__()
        self.waits = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found, wait = carried_out(function, args, kwargs or {})
        self.waits += [wait] if wait else []
        return found


def carried_out(function, args, kwargs):
    """What an operation gives, and its name if it waits for the card."""
    name = function._schema.name.removeprefix("aten::")
    given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
    there = [one for one in given if isinstance(one, OnCard)]
    strangers = [one for one in given if not isinstance(one, OnCard) and one.dim()]
    if there and strangers and name not in COPIES:
        raise RuntimeError(f"{name} of tensors on two devices, the CPU and the card")
    target = kwargs.get("device")
    on_card = bool(there) if target is None else torch.device(target) == CARD
    on_card = isinstance(args[0], OnCard) if name == "copy_" else on_card
    wait = name if there and name in READS else None
    if name in COPIES and isinstance(args[1 if name == "copy_" else 0], OnCard) != on_card:
        blocking = not (kwargs.get("non_blocking") or (name == "copy_" and args[2:] == (True,)))
        wait = name if blocking or not on_card else None
    owners = {id(one.held): one for one in there}
    args, kwargs = tree_map_only(OnCard, lambda one: one.held, (args, kwargs))
    found = function(*args, **(kwargs if target is None else {**kwargs, "device": torch.device("cpu")}))
    if name == "_to_copy" and found is args[0]:
        found = found.clone()

    def owner(one):
        return owners[id(one)] if id(one) in owners else OnCard(one)

    return tree_map_only(Tensor, owner, found) if on_card else found, wait


@contextmanager
def pretended_card(monkeypatch):
    """Let comparisons run on the card in this block; tables of actions stay there as they do on a real one."""
    tables = {}

    def kept(self, device, dtype=None):
        if self.value.device == device and dtype in (None, self.value.dtype):
            return self.value
        key = id(self), device, dtype
        if key not in tables:
            tables[key] = self, self.value.to(device=device, dtype=dtype)
        return tables[key][1]

    monkeypatch.setattr(Placed, "_copy", kept)
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: nullcontext())  # not there on the meta device
    for module in (devices, trial):
        monkeypatch.setattr(module, "name_of", lambda device: NAME if device == CARD else "cpu")
    for module in (devices, watch):
        monkeypatch.setattr(module, "wait_for", lambda device: None)
    with Card() as card:
        yield card


def on_card(task):
    """The same task, computed on the card."""
    object.__setattr__(task, "device", CARD)
    return task
