"""CIFAR-10 and CIFAR-100 through torchvision, an optional extra."""

from pathlib import Path
from typing import Literal

import numpy as np

from hwsubnet.data.splits import Images, Labels
from hwsubnet.errors import DatasetError, ToolError

CIFAR = Path("data")
"""torchvision's customary folder, in the working directory."""


def read_cifar(
    folder: Path | None, classes: Literal[10, 100]
) -> tuple[Images, Labels, Images, Labels]:
    """Read CIFAR from torchvision's folder layout; nothing is ever downloaded here.

    The files are pickles; torchvision opens them only after their MD5 sums have been found to be
    the published ones.

    Returns
    -------
    Training images (50000, 3, 32, 32) and labels (50000,), test images and labels.

    Raises
    ------
    ToolError
        If torchvision is not installed.
    DatasetError
        If the files are missing or are not the published ones.
    """
    folder = CIFAR if folder is None else folder
    try:
        from torchvision import datasets
    except ImportError as error:
        raise ToolError(
            f"CIFAR-{classes} is read by torchvision, which is not installed",
            fix="pip install 'hwsubnet[torchvision]'",
        ) from error
    dataset = datasets.CIFAR10 if classes == 10 else datasets.CIFAR100

    def read(train: bool) -> tuple[Images, Labels]:
        try:
            part = dataset(root=folder, train=train, download=False)
        except (RuntimeError, OSError) as error:
            raise DatasetError(
                f"CIFAR-{classes} is missing or damaged ({' '.join(str(error).split())})",
                where=folder,
                fix=f"fetch it with torchvision.datasets.CIFAR{classes}({str(folder)!r}, "
                "download=True) in Python, or name its folder with --data DIR",
            ) from error
        return part.data.transpose(0, 3, 1, 2), np.asarray(part.targets, np.int64)

    return (*read(train=True), *read(train=False))
