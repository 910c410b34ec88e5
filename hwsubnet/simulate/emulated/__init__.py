"""A board without a board: the driver, unchanged, against the shell's own RTL.

`build_board` compiles the shell around an accelerator; `emulated_pynq` puts a pynq into this
process whose `Overlay` loads it.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from hwsubnet.artifacts import RtlDesign
from hwsubnet.simulate.emulated import pynq_model
from hwsubnet.simulate.emulated.hardware import Bitstream
from hwsubnet.simulate.verilate import Harness, verilate

__all__ = ["Bitstream", "build_board", "emulated_pynq", "write_bitstream"]


def build_board(design: RtlDesign, folder: Path, beat_bytes: int, cache: Path) -> Bitstream:
    """Compile a design whose top is the shell.

    Parameters
    ----------
    design, folder
        What to build, and where its files are; the folder is needed until the bitstream is loaded.
    beat_bytes
        Width of the DMA's ports.
    cache
        Folder of built simulations.

    Raises
    ------
    ToolError
        If Verilator or g++ is missing, too old, or fails.
    """
    ports = f"#pragma once\n#define BEAT_BYTES {beat_bytes}\n"
    harness = Harness(source="board.cpp", ports=ports, library=True)
    library = verilate(design, folder, design.top, harness, cache)
    return Bitstream(str(library), str(folder.resolve()), beat_bytes)


def write_bitstream(bitstream: Bitstream, path: Path) -> None:
    """Write what an emulated `Overlay` loads."""
    path.write_text(json.dumps(asdict(bitstream)), encoding="utf-8")


@contextmanager
def emulated_pynq() -> Iterator[pynq_model.Device]:
    """Let ``import pynq`` find the emulation; yield the board, to look into.

    Raises
    ------
    RuntimeError
        If a pynq is imported already.
    """
    names = ("pynq", "pynq.lib", "pynq.lib.dma")
    if any(name in sys.modules for name in names):
        raise RuntimeError("pynq is imported already")
    modules = {name: ModuleType(name) for name in names}
    top, lib, dma = modules.values()
    for name in ("Overlay", "allocate", "MMIO", "Clocks"):
        setattr(top, name, getattr(pynq_model, name))
    top.lib, lib.dma, dma.DMA = lib, dma, pynq_model.DMA  # type: ignore[attr-defined]
    sys.modules.update(modules)
    try:
        yield pynq_model.device
    finally:
        pynq_model.device.close()
        for name in names:
            del sys.modules[name]
