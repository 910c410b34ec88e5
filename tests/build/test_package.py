"""The package holds all that the board needs, and the driver in it runs alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwsubnet.artifacts import HostAffine, Left
from hwsubnet.boards import load_board
from hwsubnet.build.interface import interface_of
from hwsubnet.build.package import GOLDEN_FRAMES, write_package
from hwsubnet.build.tcl import MISSING, RUN
from hwsubnet.driver import Interface
from hwsubnet.kernels import read_graph
from hwsubnet.simulate.emulated import emulated_pynq


@pytest.fixture
def package(rtl: Path, tmp_path: Path) -> Path:
    return make(rtl, tmp_path / "package")


def make(rtl: Path, folder: Path, *left: Left) -> Path:
    graph = read_graph(rtl / "folded.onnx")
    (source,), (sink,) = graph.inputs, graph.outputs
    ends = (HostAffine(datatype=s.datatype.name, shape=(1, *s.shape)) for s in (source, sink))
    interface = interface_of("net", load_board("Pynq-Z2"), 100, 1e6, graph, *ends)
    frames = GOLDEN_FRAMES + 3
    x, y = np.zeros((frames, *source.shape)), np.ones((frames, *sink.shape))
    write_package(folder, interface, x, y, left)
    return folder


def test_its_files(package: Path) -> None:
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert files == {
        "README.md",
        "net.json",
        "golden.npz",
        "example.ipynb",
        MISSING,
        "hwsubnet/__init__.py",
        "hwsubnet/errors.py",
        "hwsubnet/driver/__init__.py",
        "hwsubnet/driver/__main__.py",
        "hwsubnet/driver/accelerator.py",
        "hwsubnet/driver/interface.py",
        "hwsubnet/driver/units.py",
    }
    assert Interface.read(package / "net.json").name == "net"
    assert f"cd ../vivado && {RUN}" in (package / MISSING).read_text()
    assert "not in the accelerator" not in (package / "README.md").read_text()
    with np.load(package / "golden.npz") as archive:
        assert len(archive["x"]) == len(archive["y"]) == GOLDEN_FRAMES


def test_the_driver_needs_no_other_package(package: Path) -> None:
    """It is the package's own copy that runs, and it imports nothing heavy."""
    code = (
        "import sys, hwsubnet\n"
        "assert hwsubnet.__file__ == sys.argv[1], hwsubnet.__file__\n"
        "from hwsubnet.driver.__main__ import main\n"
        "code = main(['net.bit'])\n"
        "heavy = {'torch', 'brevitas', 'finn', 'pydantic', 'qonnx'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, package / "hwsubnet" / "__init__.py"],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "net.bit: is missing; PYNQ needs NAME.bit and NAME.hwh of one name" in done.stderr


def test_the_notebook_runs(complete_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(complete_package)
    found: dict[str, Any] = {}
    cells = json.loads(Path("example.ipynb").read_text())["cells"]
    with emulated_pynq():
        for cell in cells:
            if cell["cell_type"] == "code":
                exec(cell["source"], found)
    assert found["accelerator"].interface.name == "net"


def test_what_is_left_to_the_host_is_told(rtl: Path, tmp_path: Path) -> None:
    left = Left(node="a|b\n`c`", op="Mul", why="scales <b>by</b> channel")
    folder = make(rtl, tmp_path / "package", left)
    text = (folder / "README.md").read_text()
    assert "These nodes of the model are not in the accelerator." in text
    assert "| `a/b 'c'` | `Mul` | scales (b)by(/b) channel |" in text


def test_the_notebook_has_the_form_that_jupyter_reads(package: Path) -> None:
    notebook = json.loads((package / "example.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 4)
    for cell in notebook["cells"]:
        assert cell["cell_type"] in {"code", "markdown"}
        assert isinstance(cell["source"], str)
        compile(cell["source"], "cell", "exec") if cell["cell_type"] == "code" else None
