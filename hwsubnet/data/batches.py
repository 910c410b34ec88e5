"""Batches of a split, in an order that depends on the seed and the epoch alone."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from hwsubnet.data.augment import Augmentation, augment
from hwsubnet.data.splits import Split
from hwsubnet.errors import ConfigError

_ORDER, _AUGMENT = 0, 1
"""Streams of random numbers that must not be drawn from one another."""


def to_real(images: Tensor) -> Tensor:
    """Turn uint8 pixels into the real units that every network takes: pixel / 255, in [0, 1]."""
    return images.to(torch.float32) / 255


def steps_per_epoch(split: Split, batch: int) -> int:
    """Count the full batches of an epoch; what remains is left out (another part every epoch).

    Raises
    ------
    ConfigError
        If there is not even one.
    """
    steps = len(split) // batch
    if steps == 0:
        raise ConfigError(
            f"a batch of {batch} is larger than the {len(split)} training images",
            where="training.batch",
            fix="make it smaller",
        )
    return steps


def batches(
    split: Split,
    batch: int,
    *,
    seed: int,
    epoch: int,
    augmentation: Augmentation | None = None,
    first: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give an epoch's training batches.

    Parameters
    ----------
    split
        Where they come from.
    batch
        Images per step, over all ranks together.
    seed, epoch
        What the order and the augmentation depend on.
    augmentation
        What to do to the images; nothing if None.
    first
        The step to begin with, counted within the epoch: a resumed run passes over what it saw.
    rank, ranks
        Of `ranks` processes, the one that takes every `ranks`-th image of each batch. All of them
        together see what one alone would have seen.

    Yields
    ------
    Images (batch / ranks, C, H, W) as uint8 and labels (batch / ranks,) as int64.
    """
    order = np.random.default_rng([seed, _ORDER, epoch]).permutation(len(split))
    for step in range(first, steps_per_epoch(split, batch)):
        chosen = torch.from_numpy(order[step * batch : (step + 1) * batch])
        images, labels = split.images[chosen], split.labels[chosen]
        if augmentation is not None:
            rng = np.random.default_rng([seed, _AUGMENT, epoch, step])
            images = augment(images, augmentation, rng)
        yield images[rank::ranks], labels[rank::ranks]
