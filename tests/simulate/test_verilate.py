"""A simulation is built anew when anything that it is made of has changed."""

import shutil
from pathlib import Path

import pytest

from hwsubnet.errors import ToolError
from hwsubnet.resources import shipped
from hwsubnet.simulate import verilate as module
from hwsubnet.simulate.verilate import Harness, verilate


@pytest.fixture
def hls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of ``hls/``, from which simulations are built."""
    folder = tmp_path / "hls"
    shutil.copytree(shipped("hls"), folder)
    monkeypatch.setattr(module, "shipped", lambda _: folder)
    return folder


@pytest.mark.parametrize("source", ["harness.cpp", "board.cpp"])
@pytest.mark.parametrize("changed", ["source", "drive.hpp"])
def test_a_changed_harness_is_another_simulation(source, changed, hls, linear, cache, monkeypatch):
    target, harness = linear[1], Harness(source=source, ports="")

    def key() -> str:
        """What would be built: its log is named by it."""

        def stop(*_: object, log: Path, **__: object) -> str:
            raise ToolError(log.stem)

        monkeypatch.setattr(module.tools, "run", stop)
        with pytest.raises(ToolError) as caught:
            verilate(target.design, target.folder, target.top, harness, cache)
        return caught.value.what

    before = key()
    assert key() == before
    path = hls / "tb" / (source if changed == "source" else changed)
    path.write_text(path.read_text() + "// changed\n")
    assert key() != before
