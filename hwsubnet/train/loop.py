"""The training loop: one phase, step by step, from wherever it was left."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from hwsubnet.config import Kernels, SweepConfig
from hwsubnet.data import Splits, batches, steps_per_epoch, to_real
from hwsubnet.errors import ConfigError
from hwsubnet.progress import progress
from hwsubnet.train.acceleration import accelerated
from hwsubnet.train.learner import Learner, Weights, detached
from hwsubnet.train.phases import Phase, learning_rate
from hwsubnet.train.tasks import Learning, Measures, Task

log = logging.getLogger(__name__)

_SHOWN_EVERY = 10
"""Steps between two updates of the progress bar's text, each of which waits for the device."""


@dataclass
class FitState:
    """All that a phase needs to go on as if it had never been stopped.

    Attributes
    ----------
    step
        Steps done.
    learner, optimizers, schedule
        State dicts.
    best, best_weights
        What did best on the validation images, once the network had its final form.
    """

    step: int = 0
    learner: Weights = field(default_factory=dict)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    schedule: dict[str, int] = field(default_factory=dict)
    best: Measures | None = None
    best_weights: Weights = field(default_factory=dict)


def fit(
    fabric: Fabric,
    task: Task,
    learner: Learner,
    phase: Phase,
    splits: Splits,
    config: SweepConfig,
    *,
    save: Callable[[FitState], None],
    resumed: FitState | None = None,
) -> Measures:
    """Run a phase to its end and leave the learner with its best weights.

    After every epoch the network is measured on the validation images. The best epoch wins, among
    those that ended after the phase's schedule was done; of equals, the last.

    Parameters
    ----------
    task
        How to learn and to measure.
    learner
        As the phase before left it; changed in place, and left on the device.
    save
        Called every `config.training.checkpoint_every` steps, and after the last.
    resumed
        What `save` was given, if the phase has been begun before.

    Returns
    -------
    What the best epoch reached on the validation images.

    Raises
    ------
    ConfigError
        If the loss stops being a number.
    """
    recipe = config.training
    steps = steps_per_epoch(splits.train, recipe.batch)
    total = phase.config.epochs * steps
    state = resumed or FitState()
    network = learner.network
    schedule = phase.schedule(network, steps)
    if resumed:  # before Fabric wraps it: loading puts new quantizers in place of the old
        learner.load_state_dict(resumed.learner)
        schedule.load_state_dict(resumed.schedule)
    learning = _set_up(fabric, task, learner, recipe.kernels)
    if resumed:
        for optimizer, kept in zip(learning.optimizers, resumed.optimizers, strict=True):
            optimizer.load_state_dict(kept)

    def learn(images: Tensor, labels: Tensor) -> Tensor:
        for optimizer in learning.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(phase.config, state.step / total)
        for module in (learning.network, *learning.companions.values()):
            module.train()
        with _noise(fabric, config.seed, phase.first_epoch * steps + state.step):
            loss = task.step(learning, images, labels)
        schedule.step()
        state.step += 1
        return loss

    def validate(loss: Tensor) -> None:
        _check_finite(loss, phase)
        _share_buffers(fabric, network)
        reached = task.evaluate(fabric, network, splits.validation)
        epoch = f"{state.step // steps}/{phase.config.epochs}"
        log.info("%s %s: loss %.3f, validation %s", phase.name, epoch, loss, task.told(reached))
        if schedule.done and task.better(reached, state.best):
            state.best, state.best_weights = reached, detached(learner)

    def told(loss: Tensor) -> str:
        text = f"{phase.name}: loss {loss:.3f}"
        return f"{text}, validation {task.told(state.best)}" if state.best else text

    with progress() as display:
        bar = display.add_task(phase.name, total=total, completed=state.step)
        while state.step < total:
            for images, labels in _rest_of_epoch(fabric, splits, config, phase, state.step):
                loss = learn(images, labels)
                if state.step % steps == 0:
                    validate(loss)
                if state.step % recipe.checkpoint_every == 0 or state.step == total:
                    state.learner, state.schedule = learner.state_dict(), schedule.state_dict()
                    state.optimizers = [one.state_dict() for one in learning.optimizers]
                    save(state)
                display.advance(bar)
                if state.step % _SHOWN_EVERY == 0:
                    display.update(bar, description=told(loss))
        display.remove_task(bar)
    assert state.best is not None
    learner.load_state_dict(state.best_weights)
    return state.best


def _set_up(fabric: Fabric, task: Task, learner: Learner, kernels: Kernels) -> Learning:
    """Move a learner to the device, and wrap it for the processes and the arithmetic."""
    learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    companions = dict(learner.companions.items())
    optimizers = task.optimizers(learner.network, companions)
    network = learner.network
    if not task.methods:  # which the other view of the network does not have
        network = accelerated(network, kernels, fabric.device)
    network = fabric.setup_module(network)
    for method in task.methods:
        network.mark_forward_method(method)
    return Learning(
        fabric,
        network,
        {
            # What only remembers has nothing that processes could share.
            name: fabric.setup_module(m) if any(True for _ in m.parameters()) else m
            for name, m in companions.items()
        },
        [fabric.setup_optimizers(optimizer) for optimizer in optimizers],
    )


@contextmanager
def _noise(fabric: Fabric, seed: int, step: int) -> Iterator[None]:
    """Let the random numbers of a step depend on the seed and the step alone."""
    numbers = np.random.SeedSequence([seed, step, fabric.global_rank])
    with torch.random.fork_rng([] if fabric.device.type == "cpu" else [fabric.device]):
        torch.manual_seed(int(numbers.generate_state(1)[0]))
        yield


def _rest_of_epoch(
    fabric: Fabric, splits: Splits, config: SweepConfig, phase: Phase, step: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give this process's part of the batches from `step` to the end of its epoch.

    Images are in real units, and both on the device.
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


def _check_finite(loss: Tensor, phase: Phase) -> None:
    if not math.isfinite(loss):
        raise ConfigError(
            f"the loss is {float(loss)}: training has diverged",
            where=f"training.{phase.name}.learning_rate",
            fix=f"choose less than {phase.config.learning_rate}",
        )
