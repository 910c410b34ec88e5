"""Small data and recipes for tasks other than classification, made in the test."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from hwsubnet.config import SweepConfig

SHORT = {
    "batch": 4,
    "dense": {"epochs": 2, "learning_rate": 0.01},
    "prune": {"epochs": 2, "learning_rate": 0.01},
    "qat": {"epochs": 1, "learning_rate": 0.002},
    "optimizer": "adam",
    "weight_decay": 0,
    "accelerator": "cpu",
    "quantize_weights_after": 0,
    "quantize_activations_after": 0,
}
PRUNING = {"start": 0, "interval": 0.05, "refresh": 0.05}


class Features(nn.Module):
    """In place of an Inception network: fixed random filters, averaged."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.filters = nn.Conv2d(3, 6, 5, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 3, H, W) to (N, 6)."""
        assert images.dtype == torch.uint8
        return 100 * self.filters(images / 255).relu().mean((2, 3))


def save(path, pixels) -> None:
    """Write a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def squares(rng, size):
    """An image of noise with a bright square, and its map: 1 inside, 0 outside, 255 at a corner."""
    image = rng.integers(0, 60, (size, size, 3), np.uint8)
    labels = np.zeros((size, size), np.uint8)
    top, left = rng.integers(0, size // 2, 2)
    image[top : top + size // 2, left : left + size // 2] += 150
    labels[top : top + size // 2, left : left + size // 2] = 1
    labels[:2, :2] = 255
    return image, labels


def make_segmentation(folder, images=36, size=32):
    """Write a data set of squares."""
    rng = np.random.default_rng(0)
    for split, count in (("train", images), ("test", images // 2)):
        for index in range(count):
            image, labels = squares(rng, size)
            save(folder / "images" / split / f"{index}.png", image)
            save(folder / "labels" / split / f"{index}.png", labels)
    return folder


def make_unpaired(folder, size=40):
    """Write two styles: reddish and bluish noise; B is rarer."""
    rng = np.random.default_rng(0)
    for name, count, channel in (
        ("trainA", 9, 0), ("trainB", 6, 2), ("testA", 5, 0), ("testB", 4, 2),
    ):  # fmt: skip
        for index in range(count):
            image = rng.integers(0, 100, (size, size, 3), np.uint8)
            image[..., channel] += 120
            save(folder / name / f"{index}.png", image)
    return folder


def segmentation(folder, **training) -> SweepConfig:
    return SweepConfig.model_validate(
        {
            "data": {"name": "segmentation", "path": folder, "size": (32, 32), "classes": 2},
            "model": {"name": "unet", "width": 0.05},
            "pruning": PRUNING,
            "training": SHORT
            | {"hardest": 0.5, "prune": {"epochs": 6, "learning_rate": 0.01}}  # 22 groups
            | training,
        }
    )


def autoencoding(**training) -> SweepConfig:
    return SweepConfig.model_validate(
        {
            "data": {"name": "digits", "train_images": 300, "test_images": 50},
            "model": {"name": "vae", "width": 0.5},
            "pruning": PRUNING,
            "training": SHORT
            | {"batch": 24, "dense": {"epochs": 8, "learning_rate": 0.01}}
            | training,
        }
    )


def style_transfer(folder, **training) -> SweepConfig:
    recipe = SHORT | {"batch": 1, "momentum": 0.5}
    recipe |= {phase: {"epochs": 1, "learning_rate": 2e-3} for phase in ("dense", "qat")}
    recipe["prune"] = {"epochs": 5, "learning_rate": 2e-3}
    return SweepConfig.model_validate(
        {
            "data": {"name": "unpaired", "path": folder, "size": (36, 36), "crop": (32, 32)},
            "model": {"name": "cyclegan", "width": 0.07},
            "pruning": PRUNING | {"interval": 0.1, "refresh": 0.1},
            "training": recipe | training,
        }
    )
