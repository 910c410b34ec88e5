"""What the training loop asks of a task."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from hwsubnet.artifacts import Metric, NetworkSpec
from hwsubnet.config import TrainingConfig
from hwsubnet.data import Kind, Split, Splits, to_real
from hwsubnet.errors import ConfigError

Measures = dict[str, float]
"""What an evaluation found, by name; the task's metric is among them."""

_MOST_IMAGES, _MOST_PIXELS = 500, 512_000
"""Evaluated at a time."""


@dataclass(frozen=True)
class Learning:
    """What a step works on, as Fabric wrapped it.

    Attributes
    ----------
    network
        What is pruned and quantized, and delivered in the end.
    companions
        What learns beside it, by name.
    optimizers
        As the task made them.
    """

    fabric: Fabric
    network: nn.Module
    companions: Mapping[str, nn.Module]
    optimizers: Sequence[torch.optim.Optimizer]

    def descend(self, loss: Tensor, optimizer: int = 0) -> None:
        """Let one optimizer take a step down a loss."""
        self.optimizers[optimizer].zero_grad()
        self.fabric.backward(loss)
        self.optimizers[optimizer].step()


class Task(ABC):
    """A task: what is learnt, how, and how well.

    Attributes
    ----------
    metric
        By what the best epoch is chosen.
    higher_is_better
        Whether more of it is better.
    kinds
        Which data it learns from.
    smallest_batch
        Images that a step needs at least; norms over a batch cannot do with one.
    methods
        Of the network, besides ``forward``, those that `step` calls.
    """

    metric: ClassVar[Metric]
    higher_is_better: ClassVar[bool] = True
    kinds: ClassVar[tuple[Kind, ...]]
    smallest_batch: ClassVar[int] = 2
    methods: ClassVar[tuple[str, ...]] = ()

    def __init__(self, recipe: TrainingConfig) -> None:
        self.recipe = recipe

    def check(self, name: str, splits: Splits) -> None:
        """Raise `ConfigError` if a network of that name cannot learn it from such data."""
        if self.recipe.batch < self.smallest_batch:
            raise ConfigError(
                f"{name} needs at least {self.smallest_batch} images a step, not "
                f"{self.recipe.batch}",
                where="training.batch",
            )
        if splits.train.kind not in self.kinds:
            told = {
                "classes": "a class for each image",
                "maps": "a class for each pixel (cityscapes, segmentation)",
                "styles": "two styles of images (unpaired)",
            }
            raise ConfigError(
                f"{name} learns from {' or '.join(told[kind] for kind in self.kinds)}, but the "
                f"data set has {told[splits.train.kind].partition(' (')[0]}",
                where="data.name",
                fix="choose another one, or another model.name",
            )

    def companions(self, spec: NetworkSpec) -> nn.ModuleDict:
        """Make what learns beside a network, untrained."""
        return nn.ModuleDict()

    def optimizers(
        self, network: nn.Module, companions: Mapping[str, nn.Module]
    ) -> list[torch.optim.Optimizer]:
        """Make the optimizers; the loop sets their learning rate before every step."""
        return [self.optimizer(network.parameters())]

    @abstractmethod
    def step(self, learning: Learning, images: Tensor, labels: Tensor) -> Tensor:
        """Learn from a batch.

        Parameters
        ----------
        learning
            Its modules are in training mode.
        images, labels
            The former in real units, the latter as the data set has them, on the device.

        Returns
        -------
        The loss, detached, for the progress bar.
        """

    @abstractmethod
    def evaluate(self, fabric: Fabric, network: nn.Module, split: Split) -> Measures:
        """Measure a network on all images of a split, in float32 and without augmentation.

        Every process takes its part of the images; the network is left in evaluation mode.
        """

    def better(self, new: Measures, old: Measures | None) -> bool:
        """Whether `new` is to be preferred; of equals it is."""
        if old is None:
            return True
        now, before = new[self.metric], old[self.metric]
        return now >= before if self.higher_is_better else now <= before

    def told(self, measures: Measures) -> str:
        """Say how well it went."""
        value = measures[self.metric]
        share = self.metric in ("accuracy", "mIoU")
        return f"{self.metric} {100 * value:.2f} %" if share else f"{self.metric} {value:.2f}"

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimizer that the recipe asks for."""
        decay, momentum = self.recipe.weight_decay, self.recipe.momentum
        if self.recipe.optimizer == "adam":
            return torch.optim.Adam(parameters, betas=(momentum, 0.999), weight_decay=decay)
        return torch.optim.SGD(parameters, momentum=momentum, weight_decay=decay)


class Supervised(Task):
    """A task in which every image has an answer."""

    @abstractmethod
    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Compare the network's outputs with what is right."""

    def step(self, learning: Learning, images: Tensor, labels: Tensor) -> Tensor:
        """Learn from a batch."""
        loss = self.loss(learning.network(images), labels)
        learning.descend(loss)
        return loss.detach()


def portions(fabric: Fabric, images: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Give this process's images (N, C, H, W) a few at a time, in real units on the device.

    Yields
    ------
    Their indices, and the images.
    """
    size = min(_MOST_IMAGES, max(1, _MOST_PIXELS // images[0, 0].numel()))
    mine = torch.arange(fabric.global_rank, len(images), fabric.world_size)
    for chosen in torch.split(mine, size):
        real = to_real(images[chosen].to(fabric.device))
        yield chosen, real.contiguous(memory_format=torch.channels_last)
