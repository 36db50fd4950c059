"""Learn the representation on the latent of a user's own model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.errors import RegrepError
from regrep.nn import EncoderHead
from regrep.objectives import RepresentationObjective
from regrep.representations import LearnedRepresentation
from regrep_paper.data.pairs import PairData
from regrep_paper.data.samples import Samples, Split
from regrep_paper.runs.records import RunFolder
from regrep_paper.training.learned_module import RepresentationModule
from regrep_paper.training.run import TRAINER, check_run, prepare, train

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def learn(
    encoder: nn.Module,
    head: nn.Module,
    data: Mapping[str, tuple[Tensor, Tensor | None]],
    action: Action,
    latent: LearnedRepresentation,
    out: Path | str,
    *,
    task_loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    algebra_weight: float = 1.0,
    output_weight: float = 0.25,
    latent_weight: float = 0.25,
    learning_rate: float = 3e-3,
    batch_size: int = 64,
    epochs: int = 90,
    patience: int | None = 10,
    identity: bool = True,
    seed: int = 0,
    name: str = "own",
) -> dict[str, Any]:
    """Learn the representation on the latent of any model under section 4's objective, and analyse it.

    Writes a run folder as ``regrep learn`` does: metrics, checkpoints, trajectories of the eigenvalues, multiplicities,
    null controls, verdict. ``regrep report`` makes a page from one or more such folders; a run that was killed
    continues when the same call is repeated.

    Args:
        encoder: x [B, ...] -> z [B, d].
        head: z [B, d] -> outputs: logits [B, classes], or x again for an auto-encoder.
        data: for each of ``train``, ``validation`` and ``test`` the inputs [n, ...] and their labels int64 [n], or
            None instead of the labels for an auto-encoder. Bytes are treated as images and divided by 255. The test
            split is used once, at the end.
        action: how the group acts on the inputs.
        latent: the representation to be learned, of the same group, of dimension d.
        out: run folder.
        task_loss: loss of outputs and labels, or of outputs and inputs; defaults to cross entropy, or to the mean
            squared error.
        algebra_weight: weight of A(rho).
        output_weight: weight of the head's equivariance.
        latent_weight: weight of the encoder's equivariance.
        learning_rate: learning rate of Adam.
        batch_size: samples in a training batch.
        epochs: largest number of epochs.
        patience: stop after this many epochs without improvement on validation; None trains all epochs.
        identity: also draw the identity, as often as any other element.
        seed: seed of the order of the samples and of the elements; the caller initialises the model.
        name: name of the data in reports.

    Returns:
        The content of ``done.json``: validation and test metrics, ``representation``, ``controls``.

    Raises:
        RegrepError: a split is missing or empty, labels are not integers or not as many as inputs, groups differ, there
            are no epochs, or a loss is not finite.

    >>> import tempfile, warnings, regrep
    >>> G = regrep.groups.cyclic(2)
    >>> swap = regrep.actions.Permute(G, torch.tensor([[0, 1, 2, 3], [2, 3, 0, 1]]))
    >>> x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
    >>> rho = regrep.LearnedRepresentation(G, dim=4)
    >>> data = {"train": (x, None), "validation": (x, None), "test": (x, None)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = learn(nn.Linear(4, 4), nn.Linear(4, 4), data, swap, rho, folder, epochs=1)  # doctest: +ELLIPSIS
    epoch 1/1: ...
    test loss ...
    >>> sorted(record["representation"]["multiplicities"])
    ['A', 'B']
    """
    if action.group != latent.group:
        raise RegrepError(
            f"action and latent belong to one group, got {action.group.name} and {latent.group.name}; build both on one"
        )
    check_run(epochs, patience, seed)
    classifies = _check(data)
    loss = task_loss or (nn.functional.cross_entropy if classifies else nn.functional.mse_loss)
    config = {
        "experiment": "own",
        "data": name,
        "group": latent.group.name,
        "method": "learned",
        "latent": latent.dim,
        "init": latent.init,
        "algebra_weight": algebra_weight,
        "output_weight": output_weight,
        "latent_weight": latent_weight,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "identity": identity,
        "seed": seed,
        "epochs": epochs,
        "patience": patience,
        "protocol": "published",
    }
    folder = RunFolder(Path(out))
    with folder.lock():
        if folder.finished:
            folder.check_same(config)
            print(f"{out} holds a finished run; nothing to do")
            return folder.done or {}
        prepare()
        lightning.seed_everything(seed, verbose=False)
        objective = RepresentationObjective(
            encoder,
            head,
            loss,
            input_action=None,
            latent=latent,
            algebra_weight=algebra_weight,
            output_weight=output_weight,
            latent_weight=latent_weight,
        )
        model = OwnModel(Network(encoder, head), learning_rate, objective, config, classifies)
        pairs = TensorPairs(data, action, seed, batch_size, identity, name)
        trainer = lightning.Trainer(max_epochs=epochs, **TRAINER)
        return train(folder, trainer, model, pairs, config, ["regrep_paper.experiments.own.learn"], patience)


class Network(EncoderHead):
    """A user's encoder and head."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head


class OwnModel(RepresentationModule):
    """A user's network under an objective on its representation; see :func:`learn` for the arguments."""

    def __init__(
        self,
        network: Network,
        learning_rate: float,
        objective: RepresentationObjective,
        config: Mapping[str, Any],
        classifies: bool,
    ) -> None:
        super().__init__(network, learning_rate, objective, config)
        self.classifies = classifies


class TensorPairs(PairData):
    """Pairs x and gx of a user's own tensors; see :func:`learn` for the arguments."""

    def __init__(
        self,
        data: Mapping[str, tuple[Tensor, Tensor | None]],
        action: Action,
        seed: int,
        batch_size: int,
        identity: bool,
        name: str,
    ) -> None:
        super().__init__(action.group, action, seed, batch_size, identity)
        self.data, self.name, self.moves = data, name, action

    def load(self) -> dict[Split, Samples]:
        """The given tensors."""
        return {
            split: Samples(x, torch.zeros(len(x), dtype=torch.int64) if y is None else y, split)
            for split, (x, y) in ((split, self.data[split]) for split in SPLITS)
        }

    def move(self, images: Tensor, g: Tensor, split: Split, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The inputs and their transforms under the action."""
        return images, self.moves(images, g)

    def source(self) -> dict[str, Any]:
        """Their name; no files are known."""
        return {"name": self.name, "files": {}}


def _check(data: Mapping[str, tuple[Tensor, Tensor | None]]) -> bool:
    """Whether there are labels; raises if the splits do not fit together."""
    missing = [split for split in SPLITS if split not in data or not len(data[split][0])]
    if missing:
        raise RegrepError(f"learning needs samples to train, validate and test, got none for {', '.join(missing)}")
    labelled = {split: data[split][1] is not None for split in SPLITS}
    if len(set(labelled.values())) > 1:
        raise RegrepError(f"either all splits have labels or none, got labels for {labelled}; pass None for all others")
    for split in SPLITS:
        x, y = data[split]
        if y is not None and len(x) != len(y):
            raise RegrepError(f"each input has one label, got {len(x)} inputs and {len(y)} labels for {split}")
        if y is not None and (y.dtype != torch.int64 or y.dim() != 1):
            raise RegrepError(
                f"labels are class indices, int64 [n], got {str(y.dtype)[6:]} {list(y.shape)} for {split};"
                " convert them, or pass None to reconstruct the inputs"
            )
    return labelled["train"]
