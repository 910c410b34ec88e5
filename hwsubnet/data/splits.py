"""Training, validation and test images, kept apart."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hwsubnet.data.augment import Augmentation
from hwsubnet.errors import DatasetError

Images = npt.NDArray[np.uint8]
"""(N, C, H, W)"""
Labels = npt.NDArray[np.int64]
"""(N,)"""
Kind = Literal["classes", "maps", "styles"]
"""What stands beside images: a class each, a class for each pixel, or images of another style."""
IGNORED = 255
"""In a map: a pixel that is of no class."""


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    Attributes
    ----------
    images
        uint8, (N, C, H, W).
    labels
        Of each image its class, int64 (N,); or the class of every pixel, uint8 (N, H, W), where
        `IGNORED` is none; or images of another style, uint8 (M, C, H, W), which form no pairs.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Count the images, of the more frequent style."""
        return max(len(self.images), len(self.labels))

    @property
    def kind(self) -> Kind:
        """What the labels are."""
        kinds: dict[int, Kind] = {1: "classes", 3: "maps", 4: "styles"}
        return kinds[self.labels.dim()]

    @classmethod
    def of(cls, images: Images, labels: Labels | Images) -> "Split":
        """Wrap arrays, copying them into tensors of the binding types."""
        kind = np.int64 if labels.ndim == 1 else np.uint8
        return cls(
            torch.from_numpy(np.array(images, np.uint8)), torch.from_numpy(np.array(labels, kind))
        )


@dataclass(frozen=True)
class Splits:
    """A data set, divided once.

    Training learns from `train` and chooses by `validation`. `test` is for the one evaluation at
    the end of a level; nothing may be chosen by it.

    Attributes
    ----------
    classes
        Of images or pixels; 0 if there are none.
    augmentation
        Of the training images.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    augmentation: Augmentation

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image, as networks get it."""
        channels, height, width = self.test.images.shape[1:]
        return channels, height, width


def stratified(labels: Labels, share: float, seed: int) -> tuple[Labels, Labels]:
    """Divide indices in two so that every class keeps its share of both parts.

    Parameters
    ----------
    labels
        (N,) int64.
    share
        Of the second part, in (0, 1).
    seed
        Of the division.

    Returns
    -------
    Indices of the first and of the second part, each ascending.

    Raises
    ------
    DatasetError
        If some class has too few images to stand in both parts.
    """
    from sklearn.model_selection import train_test_split

    try:
        first, second = train_test_split(
            np.arange(len(labels)), test_size=share, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise DatasetError(
            f"{len(labels)} images cannot be divided with {share:.0%} of every class held out "
            f"({' '.join(str(error).split())})",
            fix="use more images (data.train_images)",
        ) from error
    return np.sort(first), np.sort(second)


def held_out(count: int, share: float, seed: int) -> tuple[Labels, Labels]:
    """Divide so many images, which have no class, in two.

    Parameters
    ----------
    count
        Images.
    share
        Of the second part, in (0, 1); at least two images.
    seed
        Of the division.

    Returns
    -------
    Indices of the first and of the second part, each ascending.

    Raises
    ------
    DatasetError
        If there are fewer than four.
    """
    if count < 4:
        raise DatasetError(
            f"{count} images cannot be divided, at least 4 can", fix="use more (data.train_images)"
        )
    order = np.random.default_rng(seed).permutation(count)
    second = max(2, round(share * count))
    return np.sort(order[second:]), np.sort(order[:second])
