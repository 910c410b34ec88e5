"""Stitched test networks, each built once per session."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from support.dataflow import PART, fork_net, linear_net

from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.kernels import IntArray, Stream
from hwsubnet.simulate.fifo_sizing import FifoSizing, size_fifos
from hwsubnet.simulate.rtlsim import Target

FRAMES = 6

Emit = Callable[[Mapping[str, int]], Target]


def random_frames(stream: Stream, count: int = FRAMES, seed: int = 7) -> IntArray:
    rng = np.random.default_rng(seed)
    low, high = stream.datatype.min, stream.datatype.max
    values = rng.integers(low, high, (count, *stream.shape), endpoint=True)
    values[0], values[1] = low, high
    return values


def emitter(model: ModelWrapper, folder: Path) -> Emit:
    """What `size_fifos` takes: emits `model` with the depths it is asked for."""
    folded = folder / "folded.onnx"
    model.save(str(folded))

    def emit(depths: Mapping[str, int]) -> Target:
        out = folder / "design"
        return Target.accelerator(
            emit_rtl(folded, out, part=PART, clock_mhz=100, depths=depths), out
        )

    return emit


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulations")


@pytest.fixture(scope="session")
def fork_model() -> ModelWrapper:
    return fork_net(size=4)


@pytest.fixture(scope="session")
def fork_sizing(
    fork_model: ModelWrapper, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> FifoSizing:
    """The residual net with FIFOs as deep as simulation says."""
    return size_fifos(emitter(fork_model, tmp_path_factory.mktemp("fork")), cache=cache)


@pytest.fixture(scope="session")
def linear(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelWrapper, Target]:
    """The linear net, every FIFO of the default depth."""
    model = linear_net(size=4)
    return model, emitter(model, tmp_path_factory.mktemp("linear"))({})
