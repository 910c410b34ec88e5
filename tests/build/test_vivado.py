"""Running Vivado: what it left is read back, and what goes wrong is told in one line."""

import shutil
from pathlib import Path
from time import sleep

import pytest
from support.vivado import MODEL, FakeVivado, needs_tclsh

from hwsubnet import tools
from hwsubnet.boards import load_board
from hwsubnet.build import vivado as module
from hwsubnet.build.shell import add_shell
from hwsubnet.build.tcl import MISSING, scripts
from hwsubnet.build.vivado import LOG, read_results, run_vivado
from hwsubnet.errors import ToolError

pytestmark = needs_tclsh
CLOCK = 100.0


@pytest.fixture(params=["Pynq-Z2", "ZCU104"])
def project(request: pytest.FixtureRequest, rtl: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "vivado"
    board = load_board(request.param)
    shutil.copytree(rtl, folder)
    design = add_shell(folder, board)
    paths = [source.path for source in design.sources]
    for name, text in scripts("net", board, CLOCK, paths, 1).items():
        (folder / name).write_text(text)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / MISSING).write_text("not complete")
    (folder / "family").write_text(board.family)
    return folder


def run(folder: Path):
    return run_vivado(folder, tools.require("vivado"), CLOCK, (folder / "family").read_text())


def test_resources_and_timing_are_read_back(project: Path, vivado: FakeVivado) -> None:
    found = run(project)
    zynq = (project / "family").read_text() == "xc7"
    expected = (
        {"LUT": 21307, "FF": 26118, "BRAM18": 69, "URAM": 0, "DSP": 104}
        if zynq
        else {"LUT": 20114, "FF": 27345, "BRAM18": 34, "URAM": 2, "DSP": 104}
    )
    assert found.resources.model_dump() == expected
    assert found.slack_ns == 0.437
    assert found.clock_mhz == pytest.approx(1000 / (10 - 0.437))
    assert found.tool == "Vivado 2022.2"
    assert not (project.parent / "package" / MISSING).exists()


def test_an_error_is_told_with_its_step(project: Path, vivado: FakeVivado) -> None:
    vivado.says(fault="synthesis")
    message = r"Vivado failed in step 3, synthesis: \[Synth 8-439\] module 'vpc' not found; all it"
    with pytest.raises(ToolError, match=message) as caught:
        run(project)
    assert str(project / LOG) in str(caught.value)
    assert (project.parent / "package" / MISSING).exists()


def test_a_killed_vivado_leaves_no_complete_package(project: Path, vivado: FakeVivado) -> None:
    vivado.says(fault="killed")
    with pytest.raises(ToolError, match=r"failed in step 4, implementation: .*killed by SIGKILL"):
        run(project)
    package = project.parent / "package"
    assert [path.name for path in package.iterdir()] == [MISSING]


def test_an_error_in_a_runs_own_log_is_found(project: Path, vivado: FakeVivado) -> None:
    vivado.says(fault="module")
    message = r"step 3, synthesis: \[Synth 8-285\] failed synthesizing module 'shell'; all it said"
    with pytest.raises(ToolError, match=message) as caught:
        run(project)
    assert "design_1_shell_0_0_synth_1/runme.log" in str(caught.value)


def test_an_interrupt_ends_vivado_too(
    project: Path, vivado: FakeVivado, monkeypatch: pytest.MonkeyPatch
) -> None:
    vivado.says(fault="hangs")

    def interrupted(*_: object) -> None:
        if "HWSUBNET_STEP 4" in (project / LOG).read_text():
            raise KeyboardInterrupt
        sleep(0.1)

    monkeypatch.setattr(module, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(project)  # would take ten minutes
    assert [path.name for path in (project.parent / "package").iterdir()] == [MISSING]
    command = f"{MODEL} {project}"  # of no process any more
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if command in _arguments(p)]


def _arguments(path: Path) -> str:
    try:
        return path.read_text().replace("\0", " ")
    except OSError:  # it has ended meanwhile
        return ""


def test_a_path_that_is_too_slow(project: Path, vivado: FakeVivado) -> None:
    vivado.says(fault="slow")
    found = run(project)
    assert not found.in_time
    assert found.clock_mhz == pytest.approx(1000 / 10.25)


def test_an_old_one_is_refused_before_work_starts(vivado: FakeVivado) -> None:
    vivado.says(release="2020.1")
    with pytest.raises(ToolError, match=r"vivado 2020.1 is too old, at least 2022.1 is needed"):
        tools.require("vivado")


def test_reports_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="left no readable reports"):
        read_results(tmp_path, "Vivado", CLOCK, "xc7")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "utilization.rpt").write_text("| Slice LUTs | 1 |\n| DSPs | 2 |\n")
    (tmp_path / "reports" / "slack.txt").write_text("-0.1\n")
    with pytest.raises(ToolError, match="has no row for FF, BRAM18"):
        read_results(tmp_path, "Vivado", CLOCK, "xc7")
