"""A network that trains in a second, for the tests beside this file."""

from pathlib import Path

import torch
from torch import nn

from hwsubnet.config import SweepConfig
from hwsubnet.data import Split, to_real

TINY = {
    "data": {"name": "digits", "train_images": 400, "test_images": 60},
    "model": {"name": "lenet", "width": 0.5},
    "pruning": {"start": 0.2, "interval": 0.2, "refresh": 0.1},
    "training": {
        "batch": 36,  # 10 steps an epoch
        "dense": {"epochs": 3, "learning_rate": 0.05},
        "prune": {"epochs": 2, "learning_rate": 0.02},
        "qat": {"epochs": 2, "learning_rate": 0.01},
        "accelerator": "cpu",
        "checkpoint_every": 1000,
    },
}


def tiny(**changes) -> SweepConfig:
    """The tiny recipe; `changes` are sections whose keys win over its own."""
    return SweepConfig.model_validate(
        TINY | {name: TINY.get(name, {}) | section for name, section in changes.items()}
    )


class Stopped(BaseException):
    """Stands for the kill of a process: nothing in the package may catch it."""


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its content."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def share_right(network: nn.Module, split: Split) -> float:
    """Accuracy, worked out anew."""
    with torch.no_grad():
        return (network(to_real(split.images)).argmax(1) == split.labels).double().mean().item()
