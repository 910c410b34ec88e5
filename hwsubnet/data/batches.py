"""Batches of a split, in an order that depends on the seed and the epoch alone."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from hwsubnet.data.augment import Augmentation, augment
from hwsubnet.data.splits import Split
from hwsubnet.errors import ConfigError

_ORDER, _AUGMENT, _OTHER_ORDER, _OTHER_AUGMENT = range(4)
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
    Images (batch / ranks, C, H, W) as uint8, and their labels: int64 (batch / ranks,), or uint8
    (batch / ranks, H, W) for each pixel, or as many images of the other style, drawn by themselves.
    """
    order = np.random.default_rng([seed, _ORDER, epoch]).permutation(len(split))
    other = order
    if split.kind == "styles":  # the rarer style is gone through again
        other = np.random.default_rng([seed, _OTHER_ORDER, epoch]).permutation(len(split))
        order, other = order % len(split.images), other % len(split.labels)
    for step in range(first, steps_per_epoch(split, batch)):
        part = slice(step * batch, (step + 1) * batch)
        images = split.images[torch.from_numpy(order[part])]
        labels = split.labels[torch.from_numpy(other[part])]
        if augmentation is not None:
            draw = partial(_rng, seed, epoch, step)
            if split.kind == "maps":
                both = torch.cat([images, labels[:, None]], 1)
                both = augment(both, augmentation, draw(_AUGMENT))
                images, labels = both[:, :-1], both[:, -1]
            else:
                images = augment(images, augmentation, draw(_AUGMENT))
            if split.kind == "styles":
                labels = augment(labels, augmentation, draw(_OTHER_AUGMENT))
        yield images[rank::ranks], labels[rank::ranks]


def _rng(seed: int, epoch: int, step: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream, epoch, step])
