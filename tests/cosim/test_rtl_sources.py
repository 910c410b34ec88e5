"""The SystemVerilog kernels as tools see them: lint, Yosys's slang, refused parameters."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rtl_bench import instance, nodes, write
from rtl_cases import CASES

from hwsubnet import tools
from hwsubnet.emit.stitch import literal, node_module
from hwsubnet.errors import ToolError
from hwsubnet.resources import shipped

RTL = shipped("hls") / "rtl"
READ_SLANG = """
import sys
from pyosys import libyosys
design = libyosys.Design()
options = "--ignore-assertions --ignore-timing --allow-use-before-declare -D SYNTHESIS -Werror"
libyosys.run_pass(f"read_slang {options} {' '.join(sys.argv[1:])}", design)
libyosys.run_pass("hierarchy -check", design)
libyosys.run_pass("proc", design)
libyosys.run_pass("check -assert", design)
"""

ILLEGAL = {
    "accumulate_pool CHANNELS=6 PE=4": "PE must divide CHANNELS",
    "accumulate_pool OUT_BITS=7": "OUT_BITS is at least IN_BITS",
    "concat INPUTS=33": "INPUTS is at least 1 and at most 32",
    "concat IN_WIDTH=15": "IN_WIDTH is SIMD times the sum of BITS",
    "concat OUT_BITS=7": "OUT_BITS is at least the bits of every input",
    'elementwise OP="DIV"': "OP is ADD, SUB, RSB, MUL or MAX",
    "label_select LABELS=10 PE=3": "PE must divide LABELS",
    "label_select LABELS=4 K=5": "K is at least 1 and at most LABELS",
    "label_select LABELS=300": "OUT_BITS must hold LABELS - 1",
    "mac_array PE=4 VECTORS=2": "VECTORS is 1 or PE",
    "matrix_vector MW=6 SIMD=4": "SIMD must divide MW",
    "matrix_vector MH=6 PE=4": "PE must divide MH",
    "pixel_padding STRIDE_W=0": "STRIDE_H and STRIDE_W are at least 1",
    'pool POOL="AVG"': "POOL is MAX or SUM",
    "pool SHIFT=1": "SHIFT is for sums",
    "product X_BIPOLAR=1": "a bipolar factor has one bit",
    "vector_vector CHANNELS=6 PE=4": "PE must divide CHANNELS",
    "vector_vector K=9 SIMD=2": "SIMD must divide K",
}
"""A module with its illegal parameters, and what it says of them."""


def lint(module: str, parameters: Mapping[str, int | str], folder: Path) -> None:
    """Verilate `module`; any warning is an error."""
    tools.run(
        [
            tools.require("verilator").path or "verilator",
            *("--lint-only", "-Wall", f"-I{RTL}", RTL / f"{module}.sv"),
            *(f"-G{name}={literal(value)}" for name, value in parameters.items()),
        ],
        log=folder / "lint.log",
    )


def test_lint_is_clean(case: str, tmp_path: Path) -> None:
    rtl = instance(case, CASES[case]).rtl
    lint(rtl.module, {**rtl.parameters, **dict.fromkeys(rtl.memories, "rom.dat")}, tmp_path)


def test_every_source_names_its_license_and_its_module() -> None:
    for path in RTL.glob("*.sv"):
        text = path.read_text()
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n"), path
        assert text.count("\nendmodule") == 1, path
        assert f"\nmodule {path.stem} " in text, path


def test_yosys_reads_every_kernel(tmp_path: Path) -> None:
    instances = [instance(case, node) for case, node in CASES.items()]
    texts, memories = nodes(instances)
    write(texts | memories, tmp_path)
    tops = [f"--top {node_module(one.kernel)}" for one in instances]
    done = subprocess.run(
        [sys.executable, "-c", READ_SLANG, *tops, *texts],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("illegal", ILLEGAL)
def test_illegal_parameters_are_refused(illegal: str, tmp_path: Path) -> None:
    module, *settings = illegal.split()
    pairs = (setting.split("=") for setting in settings)
    parameters = {
        name: value.strip('"') if value.startswith('"') else int(value) for name, value in pairs
    }
    with pytest.raises(ToolError):
        lint(module, parameters, tmp_path)
    assert ILLEGAL[illegal] in (tmp_path / "lint.log").read_text()


def test_slang_refuses_illegal_parameters_too(tmp_path: Path) -> None:
    sources = [str(RTL / name) for name in instance("x", CASES["pool_max"]).rtl.sources]
    done = subprocess.run(
        [sys.executable, "-c", READ_SLANG, "--top pool", "-G SHIFT=1", *sources],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert ILLEGAL["pool SHIFT=1"] in done.stdout + done.stderr
