"""Data sets that are folders of image files: pixel-wise labels, and two styles without pairs.

Nothing outside the folder that was named is read: a link that leads out of it is refused.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from hwsubnet.data.splits import IGNORED, Images
from hwsubnet.errors import DatasetError

Size = tuple[int, int]
"""Height and width in pixels."""
Pixels = npt.NDArray[np.uint8]
"""One image, (H, W, 3), or its labels, (H, W)."""

CITYSCAPES_CLASSES = 19
_CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Of ``labelIds``, those that become the classes 0 to 18, in this order; the others are ignored."""

_PICTURES = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")


@dataclass(frozen=True)
class Layout:
    """Where the images and their labels lie.

    Attributes
    ----------
    images, labels
        Folders, each with a folder for every split.
    image_end, label_end
        How the names of an image and of its labels end; what stands before is the same.
    test
        The split that is reported.
    """

    images: str
    labels: str
    image_end: str
    label_end: str
    test: str


CITYSCAPES = Layout("leftImg8bit", "gtFine", "_leftImg8bit.png", "_gtFine_labelIds.png", test="val")
"""The labels of Cityscapes' own test images are not public; its ``val`` is what papers report."""
PLAIN = Layout("images", "labels", ".png", ".png", test="test")


def read_cityscapes(folder: Path, size: Size) -> tuple[Images, Images, Images, Images]:
    """Read Cityscapes as it is unpacked, with its 19 classes; see :func:`read_segmentation`."""
    classes = np.full(256, IGNORED, np.uint8)
    classes[list(_CITYSCAPES_IDS)] = np.arange(CITYSCAPES_CLASSES)
    return read_segmentation(folder, size, CITYSCAPES_CLASSES, CITYSCAPES, classes)


def read_segmentation(
    folder: Path,
    size: Size,
    classes: int,
    layout: Layout = PLAIN,
    class_of: npt.NDArray[np.uint8] | None = None,
) -> tuple[Images, Images, Images, Images]:
    """Read images and a label for each of their pixels, ``images/train/**.png`` and the like.

    Parameters
    ----------
    folder
        Where the data set lies.
    size
        What images (smoothly) and labels (by the nearest) are scaled to.
    classes
        How many there are; every label is one of them or `IGNORED`.
    layout
        Which file belongs to which.
    class_of
        The class of each value in the files of labels, (256,); the value itself if not given.

    Returns
    -------
    Training images (N, 3, H, W) and labels (N, H, W), both uint8; test images and labels.

    Raises
    ------
    DatasetError
        If a file is missing or damaged, or holds another class.
    """
    parts: list[Images] = []
    for split in ("train", layout.test):
        images = _files(folder, folder / layout.images / split, layout.image_end)
        labels = [
            folder
            / layout.labels
            / split
            / path.relative_to(folder / layout.images / split).with_name(
                path.name.removesuffix(layout.image_end) + layout.label_end
            )
            for path in images
        ]
        parts.append(_images(images, size))
        maps = np.stack(_each(labels, lambda path: _labels(folder, path, size)))
        parts.append(_known(maps if class_of is None else class_of[maps], classes, labels))
    return parts[0], parts[1], parts[2], parts[3]


def read_unpaired(folder: Path, size: Size, crop: Size) -> tuple[Images, Images, Images, Images]:
    """Read two styles of images from ``trainA``, ``trainB``, ``testA`` and ``testB``.

    Parameters
    ----------
    folder
        Where they lie.
    size, crop
        What training and test images are scaled to: parts of the former, as large as the latter,
        are learnt from.

    Returns
    -------
    Training images of A (N, 3, H, W) and of B (M, 3, H, W), test images of A and of B.

    Raises
    ------
    DatasetError
        If a file is missing or damaged.
    """
    parts = [
        _images(_files(folder, folder / name, *_PICTURES), scaled)
        for name, scaled in (("trainA", size), ("trainB", size), ("testA", crop), ("testB", crop))
    ]
    return parts[0], parts[1], parts[2], parts[3]


def _files(root: Path, folder: Path, *ends: str) -> list[Path]:
    """Return the files below a folder that end so, in the order of their names."""
    found = sorted(path for path in folder.rglob("*") if path.name.endswith(ends))
    if not found:
        raise DatasetError(
            f"holds no images (*{', *'.join(ends)})",
            where=folder,
            fix="unpack the data set there, or name its folder with --data DIR",
        )
    for path in found:
        _check_inside(root, path)
    return found


def _check_inside(root: Path, path: Path) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise DatasetError("leads out of the data set's folder", where=path, fix="copy the file")


def _each(paths: Sequence[Path], read: Callable[[Path], Pixels]) -> list[Pixels]:
    with ThreadPoolExecutor() as pool:  # decoding and scaling leave the interpreter's lock
        return list(pool.map(read, paths))


def _images(paths: Sequence[Path], size: Size) -> Images:
    def read(path: Path) -> Pixels:
        picture = _open(path).convert("RGB")
        return np.asarray(_scaled(picture, size, Image.Resampling.BILINEAR))

    return np.ascontiguousarray(np.stack(_each(paths, read)).transpose(0, 3, 1, 2))


def _labels(root: Path, path: Path, size: Size) -> Pixels:
    _check_inside(root, path)
    picture = _open(path)
    if picture.mode not in ("L", "P"):
        raise DatasetError(
            f"holds pixels of the kind {picture.mode}, not one byte with the class",
            where=path,
            fix="store labels as PNG files of 8 bits, grey or with a palette",
        )
    return np.asarray(_scaled(picture, size, Image.Resampling.NEAREST))


def _scaled(picture: Image.Image, size: Size, method: Image.Resampling) -> Image.Image:
    height, width = size
    return picture if picture.size == (width, height) else picture.resize((width, height), method)


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            picture.load()
            return picture
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(
            f"cannot be read as an image ({' '.join(str(error).split())})",
            where=path,
            fix="unpack the data set again",
        ) from error


def _known(maps: Images, classes: int, paths: Iterable[Path]) -> Images:
    """Return labels that are all classes, or say in which file another one stands."""
    wrong = (maps >= classes) & (maps != IGNORED)
    for path, image, bad in zip(paths, maps, wrong.any(axis=(1, 2)), strict=True):
        if bad:
            value = image[(image >= classes) & (image != IGNORED)][0]
            raise DatasetError(
                f"holds the label {value}; the classes are 0 to {classes - 1}, "
                f"and {IGNORED} is ignored",
                where=path,
                fix="set data.classes to their number",
            )
    return maps
