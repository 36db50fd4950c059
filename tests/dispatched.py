"""Which operations a block calls, and whether one of them copies between devices or waits for one."""

from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {"_local_scalar_dense", "item", "nonzero", "equal", "transfer"}
"""Operations that read values from a device, and copies from one device to another."""


class Calls(TorchDispatchMode):
    """Keeps the names of the operations; a copy between devices is called ``transfer``."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        name = function._schema.name.removeprefix("aten::")
        if name in ("_to_copy", "copy_"):
            source = args[0 if name == "_to_copy" else 1]
            name = name if source.device == found.device else "transfer"
        self.names.append(name)
        return found
