"""Images: the data sets, their splits, and batches with augmentation."""

from hwsubnet.data.augment import Augmentation, augment
from hwsubnet.data.batches import batches, steps_per_epoch, to_real
from hwsubnet.data.load import load_data
from hwsubnet.data.splits import IGNORED, Kind, Split, Splits

__all__ = [
    "IGNORED",
    "Augmentation",
    "Kind",
    "Split",
    "Splits",
    "augment",
    "batches",
    "load_data",
    "steps_per_epoch",
    "to_real",
]
