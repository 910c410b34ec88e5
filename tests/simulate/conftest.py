"""Stitched test networks, each built once per session."""

from pathlib import Path

import pytest
from qonnx.core.modelwrapper import ModelWrapper
from support.dataflow import fork_net, linear_net
from support.rtl_simulation import emitter

from hwsubnet.simulate.fifo_sizing import FifoSizing, size_fifos
from hwsubnet.simulate.rtlsim import Target


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
