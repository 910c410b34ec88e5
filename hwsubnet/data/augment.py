"""Random crops and mirror images of a batch, drawn without any state.

The numbers come from (seed, epoch, step) alone, so a resumed run sees the batches that the
uninterrupted one would have seen.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """What may be done to an image without changing its class."""

    padding: int = 0
    """Zero pixels put on each side before a random crop back to the image's size."""
    flip: bool = False
    """Whether the mirror image, left to right, is of the same class."""


def augment(images: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Shift and mirror every image of a batch at random.

    Parameters
    ----------
    images
        (N, C, H, W), any type.
    augmentation
        Which changes are allowed.
    rng
        Where the random numbers come from: one draw of N vertical and N horizontal offsets in
        [0, 2·padding], and one of N coins.

    Returns
    -------
    (N, C, H, W), a new tensor in channels-last memory order.
    """
    count, _, height, width = images.shape
    pad = augmentation.padding
    offsets = torch.from_numpy(rng.integers(0, 2 * pad + 1, size=(2, count)))
    rows = offsets[0, :, None] + torch.arange(height)
    columns = torch.arange(width).expand(count, width)
    if augmentation.flip:
        mirrored = torch.from_numpy(rng.integers(0, 2, size=count)).bool()
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    columns = columns + offsets[1, :, None]
    # Indexing channels-last memory gathers whole pixels at a time.
    pixels = functional.pad(images, (pad, pad, pad, pad)).permute(0, 2, 3, 1).contiguous()
    chosen = pixels[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return chosen.permute(0, 3, 1, 2)
