"""From a name in the config to the divided data set."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hwsubnet.config import DataConfig
from hwsubnet.data.augment import Augmentation
from hwsubnet.data.cifar import read_cifar
from hwsubnet.data.digits import read_digits
from hwsubnet.data.folders import (
    CITYSCAPES_CLASSES,
    Size,
    read_cityscapes,
    read_segmentation,
    read_unpaired,
)
from hwsubnet.data.idx import read_fashion_mnist
from hwsubnet.data.splits import Images, Labels, Split, Splits, held_out, stratified
from hwsubnet.errors import ConfigError

Parts = tuple[Images, Labels | Images, Images, Labels | Images]
"""Training images and labels, test images and labels."""

CIFAR = Augmentation(padding=4, flip=True, rotation=15)
CITYSCAPES_SIZE = (256, 512)


@dataclass(frozen=True)
class _Dataset:
    read: Callable[[DataConfig, int], Parts]
    """Takes the seed besides."""
    classes: int
    augmentation: Augmentation


_DATASETS = {
    "digits": _Dataset(lambda _, seed: read_digits(seed), 10, Augmentation(padding=1)),
    "fashion-mnist": _Dataset(
        lambda config, _: read_fashion_mnist(config.path), 10, Augmentation(flip=True)
    ),
    "cifar10": _Dataset(lambda config, _: read_cifar(config.path, 10), 10, CIFAR),
    "cifar100": _Dataset(lambda config, _: read_cifar(config.path, 100), 100, CIFAR),
    "cityscapes": _Dataset(
        lambda config, _: read_cityscapes(_folder(config), config.size or CITYSCAPES_SIZE),
        CITYSCAPES_CLASSES,
        Augmentation(flip=True),
    ),
    "segmentation": _Dataset(
        lambda config, _: read_segmentation(_folder(config), _size(config), _classes(config)),
        0,  # the config says how many
        Augmentation(flip=True),
    ),
    "unpaired": _Dataset(
        lambda config, _: read_unpaired(
            _folder(config), _size(config), config.crop or _size(config)
        ),
        0,
        Augmentation(flip=True),
    ),
}


def load_data(config: DataConfig, seed: int) -> Splits:
    """Read a data set and divide it into training, validation and test images.

    The test images are the data set's own where it has some; of the digits a fifth of every class
    is set aside by the seed. Of the training images, `config.validation` of every class (where
    images have one) is held out, by the seed as well.

    Raises
    ------
    DatasetError
        If the data set is missing, damaged or too small to be divided.
    ConfigError
        If the config does not say what the data set needs.
    ToolError
        If the library that reads it is not installed.
    """
    dataset = _DATASETS[config.name]
    images, labels, test_images, test_labels = dataset.read(config, seed)
    images, labels = images[: config.train_images], labels[: config.train_images]
    test = slice(config.test_images)
    first, second = _divided(images, labels, config.validation, seed)
    augmentation = dataset.augmentation if config.augment else Augmentation()
    train, validation = (
        Split.of(images[chosen], labels[others]) for chosen, others in (first, second)
    )
    if config.name == "unpaired":
        augmentation = replace(augmentation, crop=config.crop)
        validation = _inner(validation, config.crop or _size(config))
    return Splits(
        train=train,
        validation=validation,
        test=Split.of(test_images[test], test_labels[test]),
        classes=config.classes or dataset.classes,
        augmentation=augmentation,
    )


def _divided(
    images: Images, labels: Labels | Images, share: float, seed: int
) -> tuple[tuple[Labels, Labels], tuple[Labels, Labels]]:
    """Give indices of images and of labels, for training and for validation."""
    if labels.ndim == 1:
        train, validation = stratified(labels.astype("int64"), share, seed)
        return (train, train), (validation, validation)
    train, validation = held_out(len(images), share, seed)
    if labels.ndim == 3:
        return (train, train), (validation, validation)
    others, other_validation = held_out(len(labels), share, seed)
    return (train, others), (validation, other_validation)


def _inner(split: Split, size: Size) -> Split:
    """Cut the middle out of images of two styles."""
    height, width = size
    top, left = (
        (have - want) // 2 for have, want in zip(split.images.shape[2:], size, strict=True)
    )
    window = (..., slice(top, top + height), slice(left, left + width))
    return Split(split.images[window].contiguous(), split.labels[window].contiguous())


def _folder(config: DataConfig) -> Path:
    if config.path is None:
        raise ConfigError(
            f"{config.name} has no usual place", where="data.path", fix="name its folder by --data"
        )
    return config.path


def _size(config: DataConfig) -> Size:
    if config.size is None:
        raise ConfigError(
            "is needed for images from a folder", where="data.size", fix="such as [128, 128]"
        )
    return config.size


def _classes(config: DataConfig) -> int:
    if config.classes is None:
        raise ConfigError("is needed for labels from a folder", where="data.classes")
    return config.classes
