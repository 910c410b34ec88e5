"""RTL of a small network, and a Vivado on PATH."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dataflow import linear_net
from support.rtl_simulation import emitter
from support.vivado import FakeVivado

from hwsubnet import tools


@pytest.fixture(scope="session")
def rtl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emitter(linear_net(size=4), tmp_path_factory.mktemp("net"))({}).folder


@pytest.fixture
def vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVivado]:
    found = FakeVivado(tmp_path / "vivado-bin")
    monkeypatch.setenv("PATH", str(found.folder), prepend=":")
    tools.find_tool.cache_clear()
    yield found
    tools.find_tool.cache_clear()
