"""Random turns, crops and mirror images of a batch, drawn without any state.

The numbers come from (seed, epoch, step) alone, so a resumed run sees the batches that the
uninterrupted one would have seen.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """What may be done to an image without changing its class."""

    padding: int = 0
    """Zero pixels put on each side before a random crop."""
    flip: bool = False
    """Whether the mirror image, left to right, is of the same class."""
    rotation: float = 0.0
    """Degrees that it may be turned by, either way; pixels are the nearest, corners black."""
    crop: tuple[int, int] | None = None
    """Height and width of the crop; the image's own if not given."""


def augment(images: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Turn, shift and mirror every image of a batch at random.

    Parameters
    ----------
    images
        (N, C, H, W), any type.
    augmentation
        Which changes are allowed.
    rng
        Where the random numbers come from: N angles where images are turned, N vertical and N
        horizontal offsets, and N coins where they are mirrored.

    Returns
    -------
    (N, C, H', W'), a new tensor in channels-last memory order.
    """
    if augmentation.rotation:
        images = _turned(images, rng.uniform(-1, 1, len(images)) * augmentation.rotation)
    count, _, height, width = images.shape
    pad = augmentation.padding
    rows_wanted, columns_wanted = augmentation.crop or (height, width)
    spare = height + 2 * pad - rows_wanted, width + 2 * pad - columns_wanted
    down, right = (torch.from_numpy(rng.integers(0, most + 1, size=count)) for most in spare)
    rows = down[:, None] + torch.arange(rows_wanted)
    columns = torch.arange(columns_wanted).expand(count, columns_wanted)
    if augmentation.flip:
        mirrored = torch.from_numpy(rng.integers(0, 2, size=count)).bool()
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    columns = columns + right[:, None]
    # Indexing channels-last memory gathers whole pixels at a time.
    pixels = functional.pad(images, (pad, pad, pad, pad)).permute(0, 2, 3, 1).contiguous()
    chosen = pixels[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return chosen.permute(0, 3, 1, 2)


def _turned(images: Tensor, degrees: npt.NDArray[np.float64]) -> Tensor:
    """Turn each image (N, C, H, W) about its centre."""
    height, width = images.shape[2:]
    angles = torch.from_numpy(np.deg2rad(degrees))
    cos, sin, none = angles.cos(), angles.sin(), torch.zeros(len(angles))
    # From a pixel's place to the place that it is taken from, both in [-1, 1].
    rows = [cos, -sin * height / width, none], [sin * width / height, cos, none]
    turns = torch.stack([torch.stack(row, 1) for row in rows], 1).float()
    grid = functional.affine_grid(turns, list(images.shape), align_corners=False)
    turned = functional.grid_sample(images.float(), grid, mode="nearest", align_corners=False)
    return turned.to(images.dtype)
