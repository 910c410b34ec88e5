"""One small network behind the shells of both families, emulated."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dataflow import linear_net
from support.emulation import EmulatedPackage, make_package

from hwsubnet.boards import load_board
from hwsubnet.simulate.emulated import emulated_pynq


@pytest.fixture(scope="session", params=["Pynq-Z2", "ZCU104"])
def package(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> EmulatedPackage:
    folder = tmp_path_factory.mktemp("emulated")
    cache = tmp_path_factory.getbasetemp() / "simulations"
    return make_package(linear_net(size=4), load_board(request.param), folder, cache)


@pytest.fixture
def pynq() -> Iterator[object]:
    with emulated_pynq():
        import pynq

        yield pynq


@pytest.fixture
def bitfile(package: EmulatedPackage, tmp_path: Path) -> Path:
    """The package with a memory that often pauses."""
    return package.altered(tmp_path, pause=30, seed=5)
