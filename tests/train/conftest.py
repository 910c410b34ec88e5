"""The tiny network, trained once, and a way to stop a training between any two steps."""

from pathlib import Path

import pytest
from tiny_training import Stopped, tiny

from hwsubnet.artifacts import TrainedNetwork
from hwsubnet.config import SweepConfig
from hwsubnet.train import train_dense
from hwsubnet.train.checkpoint import SafetensorsIO


@pytest.fixture(scope="session")
def config() -> SweepConfig:
    return tiny()


@pytest.fixture(scope="session")
def dense(config, tmp_path_factory) -> tuple[TrainedNetwork, Path]:
    folder = tmp_path_factory.mktemp("dense")
    return train_dense(config, folder), folder


@pytest.fixture
def stop_after(monkeypatch):
    """Make the process end right after so many more checkpoints have been written, once."""

    def arm(checkpoints: int) -> None:
        left = checkpoints
        original = SafetensorsIO.save_checkpoint

        def save(self, *args, **options):
            nonlocal left
            original(self, *args, **options)
            left -= 1
            if left == 0:
                raise Stopped

        monkeypatch.setattr(SafetensorsIO, "save_checkpoint", save)

    return arm
