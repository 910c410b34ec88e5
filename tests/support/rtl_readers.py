"""Whether Verilator and Yosys's slang front end read a module."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hwsubnet import tools


def read_by_verilator(
    sources: Sequence[Path], top: str, parameters: Mapping[str, int], *options: str
) -> str:
    """Return Verilator's complaints; empty if there are none."""
    verilator = tools.require("verilator").path
    assert verilator is not None
    options = options or ("-Wno-fatal", "-Wno-lint", "-Wno-style")
    given = [f"-G{name}={value}" for name, value in parameters.items()]
    command = [verilator, "--lint-only", "--timing", *options, "--top", top, *given, *sources]
    done = subprocess.run(
        command, capture_output=True, text=True, env=tools.child_environment(), check=False
    )
    return "" if done.returncode == 0 else done.stderr


def read_by_slang(sources: Sequence[Path], top: str, parameters: Mapping[str, int]) -> str:
    """Return the slang front end's complaints; empty if there are none.

    In a process of its own, because pyosys ends the process at an error.
    """
    given = " ".join(f"-G {name}={value}" for name, value in parameters.items())
    options = "--ignore-assertions --ignore-timing --allow-use-before-declare -D SYNTHESIS"
    command = f"read_slang --top {top} {given} {options} {' '.join(map(str, sources))}"
    script = f"from pyosys import libyosys as ys\nys.run_pass({command!r}, ys.Design())\n"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
