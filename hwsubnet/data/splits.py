"""Training, validation and test images, kept apart."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    Attributes
    ----------
    images
        uint8, (N, C, H, W).
    labels
        int64, (N,).
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, images: Images, labels: Labels) -> "Split":
        """Wrap arrays, copying them into tensors of the binding types."""
        return cls(
            torch.from_numpy(np.array(images, np.uint8)),
            torch.from_numpy(np.array(labels, np.int64)),
        )


@dataclass(frozen=True)
class Splits:
    """A data set, divided once.

    Training learns from `train` and chooses by `validation`. `test` is for the one evaluation at
    the end of a level; nothing may be chosen by it.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    augmentation: Augmentation

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        channels, height, width = self.train.images.shape[1:]
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
