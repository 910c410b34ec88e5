"""Synthesis of one job, in a process of its own: ``python -m hwsubnet.synth``.

Yosys ends the whole process at an error, and may need any amount of memory; so it runs where
nothing else does. The working folder holds the job: its files, ``slang.f`` with the front end's
options, and ``request.json``. The answer is ``result.json``.
"""

import ctypes
import json
import re
import resource
import signal
import sys
from collections import Counter
from pathlib import Path

from hwsubnet.artifacts import LogicPath, Record
from hwsubnet.synth.roms import map_roms
from hwsubnet.synth.timing import Family, is_hardware, slowest_path

REQUEST, OPTIONS, BOXES, RESULT = "request.json", "slang.f", "boxes.v", "result.json"
_LIBRARY, _QUEUES, _NETLIST = "library.v", "queues.v", "netlist.json"
_LUTRAMS = "lutrams.txt"

FRONT_END = (
    *("--ignore-assertions", "--ignore-timing", "--allow-use-before-declare"),
    # Contents of memories are computed, bit by bit, when the design is elaborated.
    *("--max-constexpr-steps", "1000000000", "--max-constant-size", "4294967295"),
)
INSTANTIATED = ("DSP48E1", "DSP48E2", "LUT6_2")
"""Primitives that RTL names itself: black boxes to the front end, with ports and parameters."""
_MAPPED_TO = ("DSP48E2", "RAMB18E2", "RAMB36E2", "URAM288")
"""UltraScale+ primitives that Yosys keeps in the larger of its two libraries."""

MAP_ROMS = "map_roms"
"""Stands in the script for the pass of ``roms.py``, which Yosys does not know."""
QUEUES = Path(__file__).with_name("shift_registers.v")


class Request(Record):
    """What to synthesize."""

    top: str
    family: Family
    ultraram: bool
    """Whether the part has UltraRAM."""
    memory_gb: float


class Result(Record):
    """What became of it."""

    cells: dict[str, int]
    """How often each primitive occurs."""
    path: LogicPath


def commands(request: Request) -> tuple[str, ...]:
    """Return the Yosys script, with `MAP_ROMS` in its place."""
    options = "-flatten -noiopad -noclkbuf" + (" -uram" if request.ultraram else "")
    synth = f"synth_xilinx -top {request.top} -family {request.family} {options} -run"
    memories: tuple[str, ...] = (f"{synth} map_dsp:map_ffram",)
    if request.family == "xcup":  # as synth_xilinx does it, with the library of `repaired`
        memories = (
            f"{synth} map_dsp:map_memory",
            f"memory_libmap -logic-cost-rom 0.015625 -lib {_LUTRAMS} -lib +/xilinx/brams_xc4v.txt "
            f"-D HAS_SIZE_36 -D HAS_MIXWIDTH_SDP -D HAS_ADDRCE "
            f"{'-lib +/xilinx/urams.txt' if request.ultraram else '-no-auto-huge'}",
            "techmap -map +/xilinx/lutrams_xc5v_map.v",
            "techmap -map +/xilinx/brams_xcu_map.v",
            "techmap -map +/xilinx/urams_map.v",
        )
    return (
        f"read_slang -f {OPTIONS}",
        "read_verilog -lib -specify +/xilinx/cells_sim.v",
        f"read_verilog -lib {_LIBRARY}",
        f"hierarchy -check -top {request.top}",
        f"{synth} prepare:map_dsp",
        f"techmap -map {_QUEUES} t:$bmux",
        "opt",
        *memories,
        MAP_ROMS,
        f"{synth} map_ffram:edif",
        f"write_json {_NETLIST}",
    )


def definition(library: str, module: str) -> str:
    """Return the text of `module` in a Verilog library.

    Raises
    ------
    LookupError
        If the library does not define it.
    """
    found = re.search(rf"^module {module}\b.*?^endmodule", library, re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"Yosys's library has no {module}")
    return found[0]


def repaired(library: str) -> str:
    """Return UltraScale's RAMs in LUTs without the one that Yosys 0.70 cannot map.

    The library offers single-port RAM of 16 address bits, for a cell that has nine: memories
    of few bits and more than 256 words end the synthesis.

    Raises
    ------
    LookupError
        If the library does not say so any more.
    """
    wrong, right = 'option "ABITS" 16 {\n\t\tabits 16;', 'option "ABITS" 9 {\n\t\tabits 9;'
    if library.count(wrong) != 1:
        raise LookupError("Yosys's RAMs of UltraScale are no longer those that were repaired here")
    return library.replace(wrong, right)


def black_box(text: str) -> str:
    """Return a module's ports and parameters without what it does."""
    end = text.index(");") + 2
    rows = [
        row
        for row in text[end:].splitlines()
        if re.match(r"\s*(parameter|input|output|inout)\b", row)
    ]
    return "\n".join([text[:end], *rows, "endmodule", ""])


def main() -> None:
    """Carry out the request in the working folder."""
    _die_with_parent()
    request = Request.model_validate_json(Path(REQUEST).read_text(encoding="utf-8"))
    limit = int(request.memory_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    from pyosys import libyosys

    folder = Path(libyosys.proc_share_dirname()) / "xilinx"
    library = "\n".join(
        (folder / name).read_text(encoding="utf-8") for name in ("cells_sim.v", "cells_xtra.v")
    )
    Path(BOXES).write_text(
        "\n".join(black_box(definition(library, name)) for name in INSTANTIATED), encoding="utf-8"
    )
    Path(_LIBRARY).write_text(
        "\n".join(definition(library, name) for name in _MAPPED_TO), encoding="utf-8"
    )
    Path(_QUEUES).write_bytes(QUEUES.read_bytes())
    lutrams = (folder / "lutrams_xcu.txt").read_text(encoding="utf-8")
    Path(_LUTRAMS).write_text(repaired(lutrams), encoding="utf-8")
    design = libyosys.Design()
    for command in commands(request):
        if command == MAP_ROMS:
            map_roms(design)
        else:
            libyosys.run_pass(command, design)
    with Path(_NETLIST).open(encoding="utf-8") as handle:
        module = json.load(handle)["modules"][request.top]
    cells = Counter(cell["type"] for cell in module["cells"].values() if is_hardware(cell["type"]))
    path = slowest_path(module, request.family)
    result = Result(cells=dict(sorted(cells.items())), path=path)
    Path(RESULT).write_text(result.model_dump_json(), encoding="utf-8")


def _die_with_parent() -> None:
    """Have the kernel end this process if the one that waits for it is killed."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1  # <linux/prctl.h>
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
