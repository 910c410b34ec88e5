"""The shell counts: by itself in the record, and with the accelerator against the board."""

import shutil
from pathlib import Path

import pytest
from support.dataflow import linear_net
from support.rtl_simulation import emitter

from hwsubnet.artifacts import (
    LogicPath,
    Metrics,
    Resources,
    SynthesizedCells,
    SynthesizedPart,
)
from hwsubnet.boards import load_board
from hwsubnet.build.shell import TOP, add_shell
from hwsubnet.flow.synthesizing import synthesize_shell, with_shell
from hwsubnet.synth import synthesize_module

BOARD = load_board("Pynq-Z2")
CELLS = dict.fromkeys(SynthesizedCells.model_fields, 0)
SHELL = SynthesizedPart(
    name="shell",
    op="dma_bridge",
    cells=SynthesizedCells(**CELLS | {"lut_logic": 400, "lut_memory": 100, "ff": 300}),
    path=LogicPath(levels=3, ns=2.0, start="a", end="b"),
)
FULL = Resources(LUT=52_900, FF=10, BRAM18=4, URAM=0, DSP=2)


def test_a_design_that_only_its_shell_makes_too_large():
    found = with_shell(Metrics(resources={"calibrated": FULL}), None, BOARD)
    assert (found.shell, found.fits) == ({}, True)
    found = with_shell(found, SHELL, BOARD)
    assert found.resources == {"calibrated": FULL}  # the accelerator alone
    assert found.shell == {"synthesized": SHELL.cells.resources}
    assert found.utilization["LUT"] == 53_400 / 53_200
    assert found.utilization["DSP"] == 2 / 220
    assert found.fits is False


def test_vendor_numbers_hold_the_shell_already():
    found = with_shell(Metrics(resources={"calibrated": FULL, "vendor": FULL}), SHELL, BOARD)
    assert found.utilization["LUT"] == 52_900 / 53_200
    assert found.fits is True


def test_a_sum_with_an_unknown_addend_is_unknown():
    total = Resources(LUT=1, FF=2) + Resources(LUT=3, DSP=4)
    assert total == Resources(LUT=4)


@pytest.fixture(scope="module")
def rtl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emitter(linear_net(size=4), tmp_path_factory.mktemp("net"))({}).folder


@pytest.mark.parametrize("board", ["Pynq-Z2", "ZCU104"])
def test_it_is_synthesized_beside_the_accelerator(board: str, rtl: Path, tmp_path: Path):
    before = {path: path.read_bytes() for path in rtl.rglob("*") if path.is_file()}
    shell = synthesize_shell(rtl, load_board(board), cache=tmp_path)
    assert shell.name == "shell"
    used = shell.cells.resources
    assert 0 < used.LUT < 2000
    assert 0 < used.FF < 1000
    assert (used.BRAM18, used.DSP) == (0, 0)
    assert {path: path.read_bytes() for path in rtl.rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize("board", ["Pynq-Z2", "ZCU104"])
def test_its_top_goes_through_yosys_with_the_accelerator(board: str, rtl: Path, tmp_path: Path):
    bridge = synthesize_shell(rtl, load_board(board), cache=tmp_path)
    shutil.copytree(rtl, tmp_path / "rtl")
    add_shell(tmp_path / "rtl", load_board(board))
    top = synthesize_module(
        tmp_path / "rtl", load_board(board), TOP, {}, name="top", cache=tmp_path
    )
    assert top.cells.resources.LUT > bridge.cells.resources.LUT
    assert top.cells.resources.FF > bridge.cells.resources.FF


def test_an_accelerator_that_no_shell_serves_has_none(rtl: Path, tmp_path: Path):
    narrow = BOARD.model_copy(update={"axi_bits": 4})  # no port is as narrow as this
    assert synthesize_shell(rtl, narrow, cache=tmp_path) is None
