"""What an emulated board consists of: memory, and programmable logic, which is a simulation."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PAGE = 4096
LENGTH_BITS = 26
"""Of the DMA's length registers; the shell's Tcl sets as many."""


class Memory:
    """The part of a board's memory that a DMA can reach, at physical addresses from `base` on."""

    base = 0x1000_0000

    def __init__(self, size: int = 1 << 26) -> None:
        self.octets: NDArray[np.uint8] = np.zeros(size, dtype=np.uint8)
        self._taken: dict[int, int] = {}  # pages by first page

    def take(self, octets: int) -> int:
        """Return the offset of a free piece that starts at a page.

        Raises
        ------
        MemoryError
            If there is none, as pynq does.
        """
        pages = -(-octets // PAGE)
        first = 0
        for start, length in sorted(self._taken.items()):
            if start - first >= pages:
                break
            first = start + length
        if (first + pages) * PAGE > len(self.octets):
            raise MemoryError("Failed to allocate memory.")
        self._taken[first] = pages
        return first * PAGE

    def give_back(self, offset: int) -> None:
        """Free a piece that was taken."""
        del self._taken[offset // PAGE]

    @property
    def taken(self) -> int:
        """How many pieces are in use."""
        return len(self._taken)


@dataclass(frozen=True)
class Bitstream:
    """What an emulated ``NAME.bit`` holds, as JSON."""

    library: str
    """``board.cpp`` around the verilated shell."""
    folder: str
    """Of the design, whose memories are read when it starts."""
    beat_bytes: int
    pause: int = 0
    """Percent of cycles in which the memory does not answer; at 100 no transfer ever ends."""
    seed: int = 0


class Logic:
    """The programmable logic: registers of its DMA, which moves data from and to `memory`."""

    def __init__(self, bitstream: Bitstream, memory: Memory) -> None:
        self._library = ctypes.CDLL(bitstream.library)
        self._library.board_new.restype = ctypes.c_void_p
        self._library.board_new.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint64,
            ctypes.c_uint64,
            ctypes.c_uint32,
            ctypes.c_uint32,
            ctypes.c_uint64,
        ]
        self._library.board_read.restype = ctypes.c_uint32
        self._library.board_read.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        self._library.board_write.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
        self._library.board_cycles.restype = ctypes.c_uint64
        self._library.board_cycles.argtypes = [ctypes.c_void_p]
        self._library.board_delete.argtypes = [ctypes.c_void_p]
        self._memory = memory  # outlives the simulation, which holds its address
        with _working_folder(Path(bitstream.folder)):
            self._board = self._library.board_new(
                memory.octets.ctypes.data,
                memory.base,
                len(memory.octets),
                LENGTH_BITS,
                bitstream.pause,
                bitstream.seed,
            )

    def read(self, offset: int) -> int:
        """Read a register; time passes."""
        return int(self._library.board_read(self._board, offset))

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._library.board_write(self._board, offset, value)

    @property
    def cycles(self) -> int:
        """Clock cycles since the bitstream was loaded."""
        return int(self._library.board_cycles(self._board))

    def close(self) -> None:
        """End the simulation."""
        self._library.board_delete(self._board)


@contextmanager
def _working_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
