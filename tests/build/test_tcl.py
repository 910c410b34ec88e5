"""The scripts, as written, and as the model of Vivado's commands takes them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.vivado import MODEL, needs_tclsh

from hwsubnet.boards import known_boards, load_board
from hwsubnet.build.shell import add_shell
from hwsubnet.build.tcl import MISSING, scripts
from hwsubnet.errors import BoardError

GOLDEN = Path(__file__).parent / "golden"
BOARDS = known_boards()


def golden(board: str) -> str:
    """Both scripts of a board, for a package with two sources."""
    found = scripts("net", load_board(board), 100.0, ["rtl/accelerator.sv", "rtl/shell.v"], 4)
    return "".join(f"##### {name}\n{text}" for name, text in found.items())


@pytest.mark.parametrize("board", BOARDS)
def test_scripts_are_the_golden_ones(board: str) -> None:
    """After a wanted change, look at the difference and write the files anew."""
    assert golden(board) == (GOLDEN / f"{board}.tcl").read_text()


@pytest.fixture
def project(rtl: Path, tmp_path: Path):
    """Write a project for a board; returns its folder."""

    def make(board: str) -> Path:
        folder = tmp_path / board / "vivado"
        shutil.copytree(rtl, folder)
        design = add_shell(folder, load_board(board))
        paths = [source.path for source in design.sources]
        for name, text in scripts("net", load_board(board), 100.0, paths, 1).items():
            (folder / name).write_text(text)
        (folder.parent / "package").mkdir()
        (folder.parent / "package" / MISSING).write_text("not complete")
        return folder

    return make


def run(folder: Path, fault: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tclsh", str(MODEL), str(folder / "build.tcl"), fault],
        capture_output=True,
        text=True,
        check=False,
    )


@needs_tclsh
@pytest.mark.parametrize("board", BOARDS)
def test_vivados_commands_are_used_rightly(board: str, project) -> None:
    folder = project(board)
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    package = folder.parent / "package"
    assert sorted(path.name for path in package.iterdir()) == ["net.bit", "net.hwh", "reports"]


@needs_tclsh
def test_memories_are_named_in_full(project) -> None:
    folder = project("Pynq-Z2")
    assert run(folder).returncode == 0
    copies = [path.read_text() for path in (folder / "project" / "sources").rglob("*v")]
    named = [text for text in copies if f'"{folder}/data/' in text]
    assert named
    assert not any('"data/' in text for text in copies)


FAULTS = {
    "unknown command": ("build.tcl", "open_run impl_1", "open_rum impl_1", "open_rum"),
    "command of Tcl's shell": ("build.tcl", "cd $here", "exec ls", 'invalid command name "exec"'),
    "unknown block": ("design.tcl", "[newest axi_dma]", "[newest axi_dna]", "no block axi_dna"),
    "unknown setting": ("design.tcl", "c_include_sg", "c_include_gs", "no property 'CONFIG.c_"),
    "illegal value": ("design.tcl", "c_sg_length_width {26}", "c_sg_length_width {27}", "8 to 26"),
    "unknown pin": ("design.tcl", "axi_dma_0/axi_resetn", "axi_dma_0/resetn", "no pins 'axi_dma_0"),
    "missing clock": (
        "design.tcl",
        "	axi_dma_0/m_axi_s2mm_aclk\n",
        "",
        "required pin:axi_dma_0/m_axi_s2mm_aclk is not connected",
    ),
    "missing stream": (
        "design.tcl",
        "	shell_0/m_axis axi_dma_0/S_AXIS_S2MM\n",
        "",
        "is not connected",
    ),
    "two drivers": (
        "design.tcl",
        "	shell_0/aclk\n",
        "	shell_0/aclk\n	shell_0/aclk\n",
        "has two drivers",
    ),
    "wrong way": ("design.tcl", "M_AXIS_MM2S shell_0/s_axis", "S_AXIS_S2MM shell_0/s_axis", "both"),
    "another width": ("design.tcl", "mm2s_tdata_width {64}", "mm2s_tdata_width {32}", "differ"),
    "no address": ("design.tcl", "assign_bd_address -offset", "#", "no address"),
    "no top": ("build.tcl", "set_property top", "#", "no top module"),
    "missing source": ("build.tcl", "rtl/shell.v", "rtl/husk.v", "no such file"),
    "port not enabled": (
        "design.tcl",
        "PCW_USE_S_AXI_HP0 {1}",
        "PCW_USE_S_AXI_HP0 {0}",
        "while PCW_USE_S_AXI_HP0 is 0",
    ),
}
"""Script, text, what is put in its place, and what the model says: each proves that it looks."""


@needs_tclsh
@pytest.mark.parametrize("fault", FAULTS)
def test_the_model_notices(fault: str, project) -> None:
    script, old, new, message = FAULTS[fault]
    folder = project("Pynq-Z2")
    text = (folder / script).read_text()
    assert old in text
    (folder / script).write_text(text.replace(old, new, 1))
    done = run(folder)
    assert done.returncode == 1
    assert message in done.stdout
    assert (folder.parent / "package" / MISSING).exists()


@needs_tclsh
def test_an_old_vivado_is_told(project) -> None:
    done = run(project("Pynq-Z2"), "2021.2")
    assert "Vivado 2021.2 is too old, at least 2022.1 is needed" in done.stdout


@needs_tclsh
def test_a_patched_vivado_is_read_by_its_release(project) -> None:
    assert run(project("Pynq-Z2"), "2022.1_AR76780").returncode == 0


@needs_tclsh
def test_a_path_that_is_too_slow_is_told(project) -> None:
    done = run(project("Pynq-Z2"), "slow")
    assert done.returncode == 0
    assert "WARNING: the slowest path misses 100 MHz by 0.25 ns" in done.stdout


@pytest.mark.parametrize(
    ("part", "family", "bits", "message"),
    [
        (
            "xc7a35tcpg236-1",
            "xc7",
            64,
            "no shell for part xc7a35tcpg236-1, which has no processing",
        ),
        ("xcvu9p-flga2104-2-e", "xcup", 64, r"shells are for parts xc7z..., xck2..., xczu"),
        (
            "xc7z020clg400-1",
            "xc7",
            128,
            "processing_system7 has memory ports of 32 or 64 bits, not",
        ),
    ],
    ids=["Artix", "Virtex", "port"],
)
def test_a_board_without_a_shell_is_refused(part, family, bits, message) -> None:
    board = load_board("Pynq-Z2").model_copy(
        update={"part": part, "family": family, "axi_bits": bits}
    )
    with pytest.raises(BoardError, match=message):
        scripts("net", board, 100.0, [], 1)


@needs_tclsh
def test_a_processing_system_of_another_family_is_refused(project) -> None:
    folder = project("Pynq-Z2")
    text = (folder / "build.tcl").read_text()
    (folder / "build.tcl").write_text(text.replace("xc7z020clg400-1", "xczu7ev-ffvc1156-2-e"))
    assert "'processing_system7' does not support part" in run(folder).stdout
