"""A run of phases with one checkpoint, from wherever it was left."""

import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from lightning.fabric import Fabric
from torch.optim.swa_utils import update_bn

from hwsubnet.artifacts import digest
from hwsubnet.config import SweepConfig
from hwsubnet.data import Splits, batches, to_real
from hwsubnet.errors import ConfigError, OutputError
from hwsubnet.train.learner import Learner, Weights, detached
from hwsubnet.train.loop import FitState, fit
from hwsubnet.train.phases import Phase
from hwsubnet.train.tasks import Measures, Task

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"
NORM_BATCHES = 50
"""Enough for a mean and a variance to within about a percent."""


class Run:
    """Takes a learner through phases, the last of which may be quantization-aware training.

    Parameters
    ----------
    task
        What is learnt.
    learner
        As the first phase finds it; changed in place.
    checkpoint
        File that is written while the run goes on, and read if it is there.
    key
        Digest of the recipe and the data; a checkpoint with another, or of a network with other
        shapes, is refused.

    Attributes
    ----------
    reached
        By phase, what its best epoch gave on the validation images.
    in_float
        The network's weights as they stood before quantization began.
    """

    def __init__(
        self,
        fabric: Fabric,
        config: SweepConfig,
        task: Task,
        splits: Splits,
        learner: Learner,
        phases: Sequence[Phase],
        checkpoint: Path,
        key: str,
    ) -> None:
        self.fabric, self.config, self.task, self.splits = fabric, config, task, splits
        self.learner, self.phases = learner, tuple(phases)
        shapes = {name: list(value.shape) for name, value in learner.state_dict().items()}
        self.checkpoint, self.key = checkpoint, digest(key, shapes)
        self.reached: dict[str, Measures] = {}
        self.in_float: Weights = detached(learner.network)

    def finish(self) -> None:
        """Run what has not been run yet.

        Raises
        ------
        ConfigError
            If the checkpoint is of another recipe, or training diverges.
        """
        left = self._left()
        first = 0
        if left:
            first, self.reached, self.in_float = left["phase"], left["reached"], left["in_float"]
        for index, phase in enumerate(self.phases[first:], start=first):

            def save(state: FitState, index: int = index) -> None:
                checkpoint = {
                    "key": self.key,
                    "phase": index,
                    "reached": self.reached,
                    "in_float": self.in_float,
                    "fit": vars(state),
                }
                self.fabric.save(self.checkpoint, checkpoint)

            self.reached[phase.name] = fit(
                self.fabric,
                self.task,
                self.learner,
                phase,
                self.splits,
                self.config,
                save=save,
                resumed=FitState(**left["fit"]) if left and index == first else None,
            )
            if phase.name == "prune":
                self._renew_norms(phase)
            if phase.name != "qat":
                self.in_float = detached(self.learner.network)

    def _renew_norms(self, phase: Phase) -> None:
        """Take the norms' statistics afresh, from the network with its final masks.

        Running averages lag behind: after a mask late in the phase they would still be those of
        the channels that are gone.
        """
        part = batches(
            self.splits.train,
            self.config.training.batch,
            seed=self.config.seed,
            epoch=phase.first_epoch,
            augmentation=self.splits.augmentation,
        )
        images = (to_real(images) for images, _ in islice(part, NORM_BATCHES))
        update_bn(images, self.learner.network, device=self.fabric.device)

    def _left(self) -> dict[str, Any] | None:
        """Read the checkpoint, if there is one that can be used."""
        if not self.checkpoint.exists():
            return None
        try:
            left: dict[str, Any] = self.fabric.load(self.checkpoint)
        except OutputError as error:
            log.warning("%s; training this level from its start", error)
            return None
        if left["key"] != self.key:
            raise ConfigError(
                "is a checkpoint of another recipe, data set or version",
                where=self.checkpoint,
                fix="choose another --out, or delete it to start over",
            )
        return left
