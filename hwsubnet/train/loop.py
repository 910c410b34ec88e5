"""The training loop: one phase, step by step, from wherever it was left."""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from hwsubnet.config import SweepConfig
from hwsubnet.data import Splits, batches, steps_per_epoch, to_real
from hwsubnet.errors import ConfigError
from hwsubnet.progress import progress
from hwsubnet.train.evaluate import accuracy
from hwsubnet.train.phases import Phase, learning_rate

log = logging.getLogger(__name__)

Weights = dict[str, Tensor]
"""A ``state_dict``, detached from its network."""

_SHOWN_EVERY = 10
"""Steps between two updates of the progress bar's text, each of which waits for the device."""


@dataclass
class FitState:
    """All that a phase needs to go on as if it had never been stopped.

    Attributes
    ----------
    step
        Steps done.
    network, optimizer, schedule
        State dicts.
    best_accuracy, best_weights
        What did best on the validation images, once the network had its final form.
    """

    step: int = 0
    network: Weights = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, int] = field(default_factory=dict)
    best_accuracy: float = -1.0
    best_weights: Weights = field(default_factory=dict)


def fit(
    fabric: Fabric,
    network: nn.Module,
    phase: Phase,
    splits: Splits,
    config: SweepConfig,
    *,
    save: Callable[[FitState], None],
    resumed: FitState | None = None,
) -> float:
    """Run a phase to its end and leave the network with its best weights.

    After every epoch the network is measured on the validation images. The best epoch wins, among
    those that ended after the phase's schedule was done; of equals, the last.

    Parameters
    ----------
    network
        As the phase before left it; changed in place, and left on the device.
    save
        Called every `config.training.checkpoint_every` steps, and after the last.
    resumed
        What `save` was given, if the phase has been begun before.

    Returns
    -------
    Accuracy on the validation images.

    Raises
    ------
    ConfigError
        If the loss stops being a number.
    """
    recipe = config.training
    steps = steps_per_epoch(splits.train, recipe.batch)
    total = phase.config.epochs * steps
    state = resumed or FitState()
    schedule = phase.schedule(network, steps)
    if resumed:  # before Fabric wraps it: loading puts new quantizers in place of the old
        network.load_state_dict(resumed.network)
        schedule.load_state_dict(resumed.schedule)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=phase.config.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    model, optimizer = fabric.setup(network, optimizer)
    if resumed:
        optimizer.load_state_dict(resumed.optimizer)

    def learn(images: Tensor, labels: Tensor) -> Tensor:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(phase.config, state.step / total)
        model.train()
        scores = model(images)
        loss = functional.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        schedule.step()
        state.step += 1
        return loss.detach()

    def validate(loss: Tensor) -> None:
        _check_finite(loss, phase)
        _share_buffers(fabric, network)
        reached = accuracy(fabric, network, splits.validation)
        epoch = f"{state.step // steps}/{phase.config.epochs}"
        log.info("%s %s: loss %.3f, validation %.2f %%", phase.name, epoch, loss, 100 * reached)
        if schedule.done and reached >= state.best_accuracy:
            state.best_accuracy, state.best_weights = reached, detached(network)

    with progress() as display:
        bar = display.add_task(phase.name, total=total, completed=state.step)
        while state.step < total:
            for images, labels in _rest_of_epoch(fabric, splits, config, phase, state.step):
                loss = learn(images, labels)
                if state.step % steps == 0:
                    validate(loss)
                if state.step % recipe.checkpoint_every == 0 or state.step == total:
                    state.network, state.optimizer = network.state_dict(), optimizer.state_dict()
                    state.schedule = schedule.state_dict()
                    save(state)
                display.advance(bar)
                if state.step % _SHOWN_EVERY == 0:
                    display.update(bar, description=_told(phase, state, loss))
        display.remove_task(bar)
    network.load_state_dict(state.best_weights)
    return state.best_accuracy


def detached(network: nn.Module) -> Weights:
    """Copy a network's state, so that training on does not change it."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _rest_of_epoch(
    fabric: Fabric, splits: Splits, config: SweepConfig, phase: Phase, step: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give this process's part of the batches from `step` to the end of its epoch.

    They are in real units and on the device.
    """
    batch = config.training.batch
    epoch, first = divmod(step, steps_per_epoch(splits.train, batch))
    for images, labels in batches(
        splits.train,
        batch,
        seed=config.seed,
        epoch=phase.first_epoch + epoch,
        augmentation=splits.augmentation,
        first=first,
        rank=fabric.global_rank,
        ranks=fabric.world_size,
    ):
        images = to_real(images.to(fabric.device)).contiguous(memory_format=torch.channels_last)
        yield images, labels.to(fabric.device)


def _share_buffers(fabric: Fabric, network: nn.Module) -> None:
    """Give every process the first one's norms, ranges and masks.

    Fabric does so at the start of each forward pass; after the last one they differ.
    """
    if fabric.world_size > 1:
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, src=0)


def _told(phase: Phase, state: FitState, loss: Tensor) -> str:
    text = f"{phase.name}: loss {loss:.3f}"
    return f"{text}, validation {state.best_accuracy:.2%}" if state.best_weights else text


def _check_finite(loss: Tensor, phase: Phase) -> None:
    if not math.isfinite(loss):
        raise ConfigError(
            f"the loss is {float(loss)}: training has diverged",
            where=f"training.{phase.name}.learning_rate",
            fix=f"choose less than {phase.config.learning_rate}",
        )
