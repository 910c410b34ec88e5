"""Running Yosys: once for each content, within limits, and nothing left behind."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from support.synthesis import crew_of, verilog

from hwsubnet import tools
from hwsubnet.errors import ToolError
from hwsubnet.synth.crew import Limits

ADDER = """
module kit (input clk, input [7:0] a, b, output logic [7:0] sum);
	always_ff @(posedge clk) sum <= a + b;
endmodule
"""
# Takes minutes, and more memory than there is: a barrel shifter of 2^17 bits.
ENDLESS = """
module kit (input clk, input [131071:0] a, input [16:0] b, output logic [131071:0] c);
	always_ff @(posedge clk) c <= a << b;
endmodule
"""


@pytest.fixture
def adder(syntheses):
    """A job whose result is in the cache."""
    job = verilog(ADDER)
    crew_of(syntheses, "xc7").run([job])
    return job


@pytest.fixture
def no_yosys(monkeypatch):
    def run(*_: object, **__: object) -> str:
        raise AssertionError("Yosys was run")

    monkeypatch.setattr(tools, "run", run)


def yosys_processes() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and "hwsubnet.synth" in process.cmdline()
    ]


def test_known_results_need_no_yosys(syntheses, adder, no_yosys):
    (result,) = crew_of(syntheses, "xc7").run([adder, replace(adder, name="twin")]).values()
    assert result.cells == {"CARRY4": 2, "FDRE": 8, "LUT2": 8}


@pytest.mark.parametrize(
    "other",
    [{"yosys": "0.71"}, {"family": "xcup"}, {"ultraram": True}],
    ids=str,
)
def test_another_tool_or_part_is_another_result(syntheses, adder, no_yosys, other):
    crew = replace(crew_of(syntheses, "xc7"), **other)
    with pytest.raises(AssertionError, match="Yosys was run"):
        crew.run([adder])


def test_a_damaged_result_is_made_anew(adder, syntheses, tmp_path):
    folder: Path = tmp_path / "with a space"
    folder.mkdir()
    for file in syntheses.glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes()[:-9])
    (result,) = crew_of(folder, "xc7").run([adder]).values()
    assert result.cells["FDRE"] == 8


def test_a_synthesis_that_takes_too_long(tmp_path):
    crew = crew_of(tmp_path, "xc7", limits=Limits(jobs=1, timeout=3))
    with pytest.raises(ToolError, match=r"^shifter: synthesis did not end within 3 s; .*--timeout"):
        crew.run([verilog(ENDLESS, name="shifter")])
    assert not yosys_processes()
    assert not list(tmp_path.glob("*.json")), "half a result was kept"
    assert not list(tmp_path.glob(".scratch*"))


def test_yosys_ends_with_the_program_that_asked_for_it(tmp_path):
    (tmp_path / "kit.sv").write_text(ENDLESS)
    program = f"""
from pathlib import Path
from support.synthesis import crew_of, verilog
folder = Path({str(tmp_path)!r})
crew_of(folder / "cache", "xc7").run([verilog((folder / "kit.sv").read_text())])
"""
    asking = psutil.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[1])
    try:
        deadline = time.monotonic() + 60
        while not (yosys := yosys_processes()) or yosys[0].cpu_times().user < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        asking.kill()
        asking.wait()
    psutil.wait_procs(yosys, timeout=10)
    assert not any(process.is_running() for process in yosys)


def test_a_synthesis_that_needs_too_much_memory(tmp_path):
    crew = crew_of(tmp_path, "xc7", limits=Limits(jobs=1, memory_gb=0.6))
    with pytest.raises(ToolError, match=r"^shifter: synthesis ran out of memory \(0\.6 GB\)"):
        crew.run([verilog(ENDLESS, name="shifter")])


def test_a_failure_names_the_part_and_ends_the_others(tmp_path):
    crew = crew_of(tmp_path, "xc7", limits=Limits(jobs=2))
    bad = verilog("module kit;\n\twrong\nendmodule", name="bad")
    with pytest.raises(ToolError, match=r"^bad: synthesis failed: kit\.sv:.*ERROR.*all it said is"):
        crew.run([verilog(ENDLESS, name="shifter"), bad])
    assert not yosys_processes()
    (log,) = (tmp_path / "logs").iterdir()
    assert "kit.sv" in log.read_text()


def test_an_unknown_primitive_is_told(tmp_path):
    text = """
    (* blackbox *) module strange (input i, output o); endmodule
    module kit (input i, output o); strange s (.i, .o); endmodule
    """
    with pytest.raises(ToolError, match=r"^kit: .*cell 'strange' whose cost is not known"):
        crew_of(tmp_path, "xc7").run([verilog(text)])
