"""The folder that goes to the board."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hwsubnet
from hwsubnet.artifacts import Left, write_text
from hwsubnet.build.shell import templates
from hwsubnet.build.tcl import MISSING, RUN
from hwsubnet.driver import Interface

GOLDEN_FRAMES = 64
"""At most, in a package."""
_DRIVER = ("__init__.py", "errors.py", "driver")
"""Of this project's package, what a board needs."""


def write_package(
    folder: Path,
    interface: Interface,
    x: NDArray[np.generic],
    y: NDArray[np.floating],
    left: Sequence[Left] = (),
) -> None:
    """Write all of a package but the bitstream and its .hwh.

    Parameters
    ----------
    folder
        To be made.
    interface
        Of the accelerator.
    x, y
        Golden inputs and outputs in the model's units, (N, ...); the first ones are kept.
    left
        Nodes of the model that the accelerator does not compute.
    """
    folder.mkdir(parents=True)
    name = interface.name
    interface.write(folder / f"{name}.json")
    package = Path(hwsubnet.__file__).parent
    for part in _DRIVER:
        target = folder / "hwsubnet" / part
        target.parent.mkdir(exist_ok=True)
        if (package / part).is_dir():
            shutil.copytree(package / part, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(package / part, target)
    with (folder / "golden.npz").open("wb") as handle:
        np.savez_compressed(handle, x=x[:GOLDEN_FRAMES], y=y[:GOLDEN_FRAMES])
    write_text(folder / "example.ipynb", _notebook(interface))
    readme = templates.get_template("package.md.j2")
    text = readme.render(interface=interface, missing=MISSING, left=[_shown(node) for node in left])
    write_text(folder / "README.md", text)
    write_text(
        folder / MISSING,
        f"This package is not complete: {name}.bit and {name}.hwh are missing.\n"
        f"Where Vivado is installed, run in this folder\n\n    cd ../vivado && {RUN}\n\n"
        "which writes both and removes this file.\n",
    )


def _shown(node: Left) -> tuple[str, str, str]:
    """Return a node as cells of a Markdown table; its names come from the model's file."""
    cells = (" ".join(cell.split()).replace("|", "/") for cell in (node.node, node.op, node.why))
    name, op, why = (cell.replace("`", "'").replace("<", "(").replace(">", ")") for cell in cells)
    return name, op, why


def _notebook(interface: Interface) -> str:
    name = interface.name
    cells = [
        ("markdown", f"# {name} on {interface.board}\n\nRun this on the board."),
        (
            "code",
            "import numpy as np\n\n"
            "from hwsubnet.driver import Accelerator\n\n"
            f'accelerator = Accelerator("{name}.bit")\n'
            "accelerator.clock_mhz",
        ),
        ("markdown", "Golden vectors: the board must give exactly these outputs."),
        (
            "code",
            'golden = np.load("golden.npz")\naccelerator.check(golden["x"], golden["y"])',
        ),
        ("code", 'accelerator.predict(golden["x"])'),
        ("markdown", "Frames per second, with and without packing and unpacking on the processor."),
        ("code", "accelerator.benchmark(frames=1000)"),
        ("code", "accelerator.close()"),
    ]
    document = {
        "cells": [
            {"cell_type": kind, "metadata": {}, "source": text}
            | ({"execution_count": None, "outputs": []} if kind == "code" else {})
            for kind, text in cells
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    return json.dumps(document, indent=1) + "\n"
