"""Fashion-MNIST, and the IDX format that it comes in.

An IDX file is a magic number (two zero bytes, a type code, the number of axes), each axis's length
as a big-endian 32-bit integer, and the values in C order.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsubnet.data.splits import Images, Labels
from hwsubnet.errors import DatasetError

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package puts it."""

_UINT8 = 0x08
_LARGEST = 1 << 30
"""Bytes; a header that promises more is taken for damage, before memory is asked for."""
_REPAIR = "fetch the file again (Debian: apt install --reinstall dataset-fashion-mnist)"


def read_fashion_mnist(folder: Path | None = None) -> tuple[Images, Labels, Images, Labels]:
    """Read the four IDX files, gzipped or not, of Fashion-MNIST or a drop-in for it.

    Parameters
    ----------
    folder
        Where they lie; `FASHION_MNIST` if not given.

    Returns
    -------
    Training images (N, 1, 28, 28) and labels (N,), test images and labels.

    Raises
    ------
    DatasetError
        If a file is missing or damaged, or holds something else.
    """
    folder = FASHION_MNIST if folder is None else folder
    return (*_read_part(folder, "train"), *_read_part(folder, "t10k"))


def _read_part(folder: Path, part: str) -> tuple[Images, Labels]:
    images_path = _find(folder, f"{part}-images-idx3-ubyte")
    labels_path = _find(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.shape[1:] != (28, 28):
        raise DatasetError(
            f"holds an array of shape {images.shape}, not images of 28 by 28 pixels",
            where=images_path,
            fix=_REPAIR,
        )
    if labels.shape != images.shape[:1]:
        raise DatasetError(
            f"holds labels of shape {labels.shape} for {len(images)} images",
            where=labels_path,
            fix=_REPAIR,
        )
    if labels.size and labels.max() > 9:
        raise DatasetError(
            f"holds the label {labels.max()}; the classes are 0 to 9",
            where=labels_path,
            fix=_REPAIR,
        )
    return images[:, None], labels.astype(np.int64)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DatasetError(
        f"Fashion-MNIST is not there: no {name} or {name}.gz",
        where=folder,
        fix="install Debian's package dataset-fashion-mnist, or name the folder that holds the "
        "four IDX files with --data DIR",
    )


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an IDX file of bytes, gzipped if its name ends in ``.gz``.

    Raises
    ------
    DatasetError
        Unless the file is exactly what its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            magic = stream.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0":
                raise DatasetError("is not an IDX file", where=path, fix=_REPAIR)
            if magic[2] != _UINT8:
                raise DatasetError(
                    f"holds values of IDX type {magic[2]:#04x}; only bytes (0x08) are read",
                    where=path,
                )
            axes = magic[3]
            lengths = stream.read(4 * axes)
            if len(lengths) < 4 * axes:
                raise DatasetError("ends inside its header", where=path, fix=_REPAIR)
            shape = struct.unpack(f">{axes}I", lengths)
            size = math.prod(shape)
            if size > _LARGEST:
                raise DatasetError(
                    f"has a header that promises {size} bytes", where=path, fix=_REPAIR
                )
            # One byte more than promised is enough to know that there is too much.
            values = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"cannot be read ({error})", where=path, fix=_REPAIR) from error
    if len(values) != size:
        found = f"only {len(values)}" if len(values) < size else "more"
        raise DatasetError(
            f"is damaged: its header promises {size} bytes of data, it holds {found}",
            where=path,
            fix=_REPAIR,
        )
    return np.frombuffer(values, np.uint8).reshape(shape)
