"""RTL of a small network, a package of it, and a Vivado on PATH."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dataflow import linear_net
from support.emulation import EmulatedPackage, make_package
from support.rtl_simulation import emitter
from support.vivado import FakeVivado

from hwsubnet import tools
from hwsubnet.boards import load_board
from hwsubnet.build.package import write_package
from hwsubnet.build.tcl import MISSING


@pytest.fixture(scope="session")
def rtl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emitter(linear_net(size=4), tmp_path_factory.mktemp("net"))({}).folder


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> EmulatedPackage:
    folder = tmp_path_factory.mktemp("emulated")
    cache = tmp_path_factory.getbasetemp() / "simulations"
    return make_package(linear_net(size=4), load_board("Pynq-Z2"), folder, cache)


@pytest.fixture
def complete_package(emulated: EmulatedPackage, tmp_path: Path) -> Path:
    """A complete package, whose bitstream the emulation loads."""
    folder = tmp_path / "package"
    x = emulated.frames(5)
    write_package(folder, emulated.interface, x, emulated.expected(x))
    for suffix in (".bit", ".hwh"):
        path = emulated.bitfile.with_suffix(suffix)
        shutil.copyfile(path, folder / path.name)
    (folder / MISSING).unlink()
    return folder


@pytest.fixture
def vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVivado]:
    found = FakeVivado(tmp_path / "vivado-bin")
    monkeypatch.setenv("PATH", str(found.folder), prepend=":")
    tools.find_tool.cache_clear()
    yield found
    tools.find_tool.cache_clear()
