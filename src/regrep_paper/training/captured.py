"""A whole training step as one CUDA graph: the batch, the objective, its gradients and Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import lightning
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from regrep.errors import RegrepError
from regrep.unrounded import unrounded

Found = TypeVar("Found")

WARM = 3
"""Steps before the capture, in which libraries choose their algorithms and tables go to the device."""


class WholeStep(Generic[Found]):
    """Number of a step -> its loss and what else was found on the way, after the update of the weights.

    The first steps run as they are, so that a run takes the same steps with and without a capture. On a GPU the next
    one is captured, and from then on a step is a single launch: the number is written into a tensor on the device, from
    which the graph makes its batch. What is returned changes with the next step.

    Args:
        loss: number of the step, int64 scalar on the device -> the loss, and what else is of interest.
        optimizer: updates the weights; on a GPU its learning rate moves there, where a schedule changes it in place.
        device: where all of it runs.

    Raises:
        RegrepError: in the first step that is captured, if it waits for the device or reads from the host.
    """

    def __init__(
        self, loss: Callable[[Tensor], tuple[Tensor, Found]], optimizer: torch.optim.Optimizer, device: torch.device
    ) -> None:
        self.loss, self.optimizer, self.device = loss, optimizer, device
        self.number = torch.zeros((), dtype=torch.int64, device=device)
        self.taken = 0
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.found: tuple[Tensor, Found] | None = None
        if device.type == "cuda":
            for group in optimizer.param_groups:
                group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32).to(device)
                group["capturable"] = True

    def __call__(self, number: int) -> tuple[Tensor, Found]:
        """Take a step; its loss has no gradient any more."""
        self.number.fill_(number)
        self.taken += 1
        if self.device.type != "cuda":
            return self._step()
        if self.taken <= WARM:
            return self._beside()
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(self.graph, stream=self.stream):
                    self.found = self._step()
            except RuntimeError as cause:
                reason = str(cause).splitlines()[0]
                raise RegrepError(
                    f"the step cannot be captured as a CUDA graph ({reason}); leave out --compile"
                ) from cause
        self.graph.replay()
        assert self.found is not None, "a capture has found it"
        return self.found

    def _beside(self) -> tuple[Tensor, Found]:
        """A step on the stream of the capture: what autograd keeps from one step to the next belongs to a stream."""
        assert self.stream is not None, "a CPU has no streams"
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            found = self._step()
        torch.cuda.current_stream(self.device).wait_stream(self.stream)
        return found

    def _step(self) -> tuple[Tensor, Found]:
        self.optimizer.zero_grad(set_to_none=True)
        total, found = self.loss(self.number)
        with unrounded(self.device):
            total.backward()
            self.optimizer.step()
        return total.detach(), found


class CapturingModule(lightning.LightningModule):
    """Lightning's automatic optimisation, whose steps may each be a whole one that has updated the weights already."""

    captures = False
    """Whether they are; set before training begins."""

    _whole: WholeStep[Any] | None = None

    def whole_step(self, loss: Callable[[Tensor], tuple[Tensor, Found]], number: int) -> tuple[Tensor, Found]:
        """Take a step with the optimizer of this module; see :class:`WholeStep`."""
        if self._whole is None:  # only now a checkpoint has been loaded
            optimizer = self.optimizers(use_pl_optimizer=False)
            assert isinstance(optimizer, torch.optim.Optimizer), "there is one optimizer"
            self._whole = WholeStep(loss, optimizer, self.device)
        return self._whole(number)

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Compute the gradients; a whole step has used them already."""
        if not self.captures:
            super().backward(loss, *args, **kwargs)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer) -> None:
        """Forget the gradients, which a whole step does itself."""
        if not self.captures:
            super().optimizer_zero_grad(epoch, batch_idx, optimizer)

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Update the weights, which a whole step does itself."""
        if self.captures and optimizer_closure is not None:
            optimizer_closure()
        else:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write learning rates as numbers, so that a run goes on with and without a capture."""
        for state in checkpoint.get("optimizer_states", []) if self.captures else []:
            plain_rates(state)

    def on_fit_end(self) -> None:
        """Free the memory of the graph."""
        self._whole = None


def can_capture(trainer: Trainer) -> bool:
    """Whether steps of a trainer can be graphs: on a GPU, and with nothing between the gradients and the update."""
    return (
        trainer.strategy.root_device.type == "cuda"
        and trainer.world_size == 1
        and trainer.accumulate_grad_batches == 1
        and trainer.gradient_clip_val is None
        and trainer.precision != "16-mixed"  # which scales the loss by what earlier steps found
    )


def plain_rates(optimizer_state: dict[str, Any]) -> None:
    """Give the state of an optimizer, in place, the rates that one without a capture has.

    >>> state = {"param_groups": [{"lr": torch.tensor(0.5), "capturable": True}]}
    >>> plain_rates(state)
    >>> state
    {'param_groups': [{'lr': 0.5, 'capturable': False}]}
    """
    for group in optimizer_state["param_groups"]:
        group["lr"], group["capturable"] = float(group["lr"]), False
