"""A model to a package: without Vivado, with one, and with one that fails."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.quantized_networks import exported, images
from support.vivado import FakeVivado, needs_tclsh
from typer.testing import CliRunner

from hwsubnet import tools
from hwsubnet.artifacts import LogicPath, SynthesizedCells, SynthesizedPart
from hwsubnet.build.package import GOLDEN_FRAMES
from hwsubnet.build.record import BuiltPackage
from hwsubnet.build.tcl import MISSING, RUN
from hwsubnet.cli import app
from hwsubnet.driver import Interface
from hwsubnet.errors import (
    BadInput,
    BoardError,
    ConfigError,
    Deadlock,
    DoesNotFit,
    ModelError,
    ToolError,
)
from hwsubnet.flow import building
from hwsubnet.resources import shipped
from hwsubnet.simulate import emulated

FPS = "50000"


@pytest.fixture(autouse=True)
def _one_cache(tmp_path_factory, monkeypatch) -> None:
    """What one test built, the next need not build again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "build-cache"))


@pytest.fixture
def no_vivado(monkeypatch) -> Iterator[None]:
    tools.find_tool.cache_clear()
    recipe = tools._RECIPES["vivado"]
    monkeypatch.setitem(
        tools._RECIPES, "vivado", recipe.__class__(**{**vars(recipe), "find": lambda: None})
    )
    yield
    tools.find_tool.cache_clear()


def build(out: Path, *options: str, board: str = "Pynq-Z2"):
    arguments = ["build", str(exported("mlp")), "--board", board, "--fps", FPS, "--name", "net"]
    run = CliRunner().invoke(app, [*arguments, "--out", str(out), *options, "--json"])
    if run.exception and not isinstance(run.exception, SystemExit):
        raise run.exception
    return run


@pytest.mark.usefixtures("no_vivado")
def test_without_vivado_all_else_is_written_and_proved(tmp_path: Path) -> None:
    board = "ZCU104"
    x = images("mlp", GOLDEN_FRAMES + 5)
    np.savez(tmp_path / "x.npz", x=x)
    run = build(tmp_path, "--emulate", "--inputs", str(tmp_path / "x.npz"), board=board)
    assert run.exit_code == 0
    found = json.loads(run.stdout)
    package = found["package"]
    assert package["emulated"]["frames"] == len(x)
    assert package["emulated"]["mismatches"] == 0
    assert package["emulated"]["cycles"] > 0
    shell = package["shell"]["cells"]
    assert found["shell"]["synthesized"]["LUT"] == shell["lut_logic"] + shell["lut_memory"] > 0
    assert package["vendor"] is None
    assert "vendor" not in found["resources"]
    (left,) = package["left"]
    assert left == f"cd {tmp_path}/vivado && {RUN}"
    assert RUN in (tmp_path / "package" / MISSING).read_text()
    assert not list((tmp_path / "package").glob("*.bit"))
    assert not list((tmp_path / "package").glob("*.hwh"))  # the emulation's is not Vivado's
    assert BuiltPackage.load(tmp_path).board == board
    interface = Interface.read(tmp_path / "package" / "net.json")
    assert interface.beat_bytes == 16
    assert found["package"]["port_fps"] == interface.port_fps == interface.clock_mhz * 1e6 / 4
    with np.load(tmp_path / "package" / "golden.npz") as archive:
        assert np.array_equal(archive["x"], x[:GOLDEN_FRAMES])


@pytest.mark.usefixtures("no_vivado")
def test_a_board_that_hangs_is_a_deadlock(tmp_path: Path, monkeypatch) -> None:
    def hung(bitstream: emulated.Bitstream, path: Path) -> None:
        write(replace(bitstream, pause=100), path)

    write = emulated.write_bitstream
    monkeypatch.setattr(emulated, "write_bitstream", hung)
    monkeypatch.setattr(building._Job, "patience", lambda *_: 0.2)
    with pytest.raises(Deadlock, match=r"net: on the emulated board the DMA did not end sending"):
        build(tmp_path / "out", "--emulate")
    assert not (tmp_path / "out").exists()


@needs_tclsh
def test_with_vivado_the_package_is_complete(vivado: FakeVivado, tmp_path: Path) -> None:
    run = build(tmp_path)
    assert run.exit_code == 0
    found = json.loads(run.stdout)
    assert found["resources"]["vendor"]["LUT"] == 21307
    assert found["utilization"]["LUT"] == pytest.approx(21307 / 53200)
    assert found["package"]["left"] == []
    files = {path.name for path in (tmp_path / "package").iterdir()}
    assert {"net.bit", "net.hwh", "net.json", "reports", "hwsubnet"} <= files
    assert MISSING not in files


@pytest.mark.slow
@pytest.mark.skipif(tools.find_tool("vivado").status != "ok", reason="no Vivado on PATH")
@pytest.mark.parametrize("board", ["Pynq-Z2", "ZCU104"])
def test_a_real_vivado_makes_a_bitstream(board: str, tmp_path: Path) -> None:
    """Takes an hour; the only proof that the model of Vivado's commands is right."""
    run = build(tmp_path, board=board)
    assert run.exit_code == 0
    package = json.loads(run.stdout)["package"]
    assert package["vendor"]["slack_ns"] >= 0
    assert package["vendor"]["resources"]["LUT"] > package["shell"]["cells"]["lut_logic"]
    assert (tmp_path / "package" / "net.bit").stat().st_size > 100_000
    assert "axi_dma_0" in (tmp_path / "package" / "net.hwh").read_text()
    assert not (tmp_path / "package" / MISSING).exists()


@needs_tclsh
def test_a_vivado_that_fails_leaves_a_package_that_says_so(
    vivado: FakeVivado, tmp_path: Path
) -> None:
    build(tmp_path)
    vivado.says(fault="synthesis")
    with pytest.raises(ToolError, match="Vivado failed in step 3, synthesis"):
        build(tmp_path)
    assert (tmp_path / "package" / MISSING).is_file()
    assert not (tmp_path / "package" / "net.bit").exists()  # not the earlier one
    assert not (tmp_path / "build.json").exists()


@needs_tclsh
def test_a_vivado_that_is_told_or_left_alone(vivado: FakeVivado, tmp_path: Path) -> None:
    run = build(tmp_path, "--no-bitstream")
    assert run.exit_code == 0
    assert json.loads(run.stdout)["package"]["vendor"] is None
    vivado.says(release="2019.1")  # the one on the PATH does not matter
    (newer := FakeVivado(tmp_path / "newer")).says(fault="slow")
    run = build(tmp_path, "--vivado", str(newer.folder / "vivado"))
    vendor = json.loads(run.stdout)["package"]["vendor"]
    assert vendor["slack_ns"] == -0.25
    assert run.exit_code == 1  # too slow for the clock
    with pytest.raises(ToolError, match="vivado is not at none"):
        build(tmp_path / "out", "--vivado", "none")


@needs_tclsh
def test_an_old_vivado_is_told_before_anything_is_written(
    vivado: FakeVivado, tmp_path: Path
) -> None:
    vivado.says(release="2019.1")
    with pytest.raises(ToolError, match=r"vivado 2019\.1 is too old, at least 2022\.1 is needed"):
        build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_vivado")
def test_a_board_that_is_too_small(tmp_path: Path) -> None:
    board = yaml.safe_load((shipped("boards") / "Pynq-Z2.yaml").read_text())
    board |= {"name": "tiny", "aliases": []}
    board["resources"] |= {"LUT": 100, "FF": 100}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(board))
    with pytest.raises(DoesNotFit, match="and 100 of the 100 of tiny may be used"):
        build(tmp_path / "out", board=str(tmp_path / "tiny.yaml"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_vivado")
def test_a_board_that_only_the_shell_makes_too_small(tmp_path: Path, monkeypatch) -> None:
    def huge(*_: object, **__: object) -> SynthesizedPart:
        cells = dict.fromkeys(SynthesizedCells.model_fields, 0) | {"lut_logic": 60_000}
        path = LogicPath(levels=1, ns=1.0, start="", end="")
        return SynthesizedPart(name="shell", op="", cells=SynthesizedCells(**cells), path=path)

    monkeypatch.setattr(building, "synthesize_shell", huge)
    with pytest.raises(
        DoesNotFit, match=r"needs 1\d\d% of its LUT on Pynq-Z2; prune more"
    ) as caught:
        build(tmp_path / "out")
    assert caught.value.exit_code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_vivado")
def test_a_board_without_a_processor(tmp_path: Path) -> None:
    board = yaml.safe_load((shipped("boards") / "Pynq-Z2.yaml").read_text())
    board |= {"name": "Arty", "aliases": [], "part": "xc7a100tcsg324-1"}
    (tmp_path / "arty.yaml").write_text(yaml.safe_dump(board))
    with pytest.raises(BoardError, match="Arty: there is no shell for part xc7a100tcsg324-1"):
        build(tmp_path / "out", board=str(tmp_path / "arty.yaml"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_vivado")
def test_inputs_of_another_shape_are_told_before_anything_is_built(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 3, 8, 8)))
    with pytest.raises(ModelError, match=r"shape \(2, 3, 8, 8\), the model takes frames of shape"):
        build(tmp_path / "out", "--inputs", str(tmp_path / "x.npz"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_vivado")
@pytest.mark.parametrize("name", ["", "a b", "../x", "1st", "x" * 65])
def test_names_that_files_or_vivado_could_not_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--name: a package's name is a letter and up to 63"):
        build(tmp_path / "out", "--name", name)


@pytest.mark.usefixtures("no_vivado")
def test_inputs_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("no archive")
    with pytest.raises(BadInput, match=r"is not a readable \.npz file"):
        build(tmp_path / "out", "--inputs", str(tmp_path / "x.npz"))
