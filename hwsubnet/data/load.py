"""From a name in the config to the divided data set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hwsubnet.config import DataConfig
from hwsubnet.data.augment import Augmentation
from hwsubnet.data.cifar import read_cifar
from hwsubnet.data.digits import read_digits
from hwsubnet.data.idx import read_fashion_mnist
from hwsubnet.data.splits import Images, Labels, Split, Splits, stratified

Parts = tuple[Images, Labels, Images, Labels]
"""Training images and labels, test images and labels."""


@dataclass(frozen=True)
class _Dataset:
    read: Callable[[Path | None, int], Parts]
    """Takes the folder, if one was given, and the seed."""
    classes: int
    augmentation: Augmentation


_DATASETS = {
    "digits": _Dataset(lambda _, seed: read_digits(seed), 10, Augmentation(padding=1, flip=False)),
    "fashion-mnist": _Dataset(
        lambda path, _: read_fashion_mnist(path), 10, Augmentation(flip=True)
    ),
    "cifar10": _Dataset(
        lambda path, _: read_cifar(path, 10), 10, Augmentation(padding=4, flip=True)
    ),
    "cifar100": _Dataset(
        lambda path, _: read_cifar(path, 100), 100, Augmentation(padding=4, flip=True)
    ),
}


def load_data(config: DataConfig, seed: int) -> Splits:
    """Read a data set and divide it into training, validation and test images.

    The test images are the data set's own where it has some (Fashion-MNIST, CIFAR); of the digits
    a fifth of every class is set aside by the seed. Of the training images, `config.validation` of
    every class is held out, by the seed as well.

    Raises
    ------
    DatasetError
        If the data set is missing, damaged or too small to be divided.
    ToolError
        If the library that reads it is not installed.
    """
    dataset = _DATASETS[config.name]
    images, labels, test_images, test_labels = dataset.read(config.path, seed)
    images, labels = images[: config.train_images], labels[: config.train_images]
    test = slice(config.test_images)
    train, validation = stratified(labels, config.validation, seed)
    return Splits(
        train=Split.of(images[train], labels[train]),
        validation=Split.of(images[validation], labels[validation]),
        test=Split.of(test_images[test], test_labels[test]),
        classes=dataset.classes,
        augmentation=dataset.augmentation if config.augment else Augmentation(),
    )
