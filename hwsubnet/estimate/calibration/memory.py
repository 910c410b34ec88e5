"""Which primitives a memory becomes, by the rules and costs of Yosys's ``memory_libmap``.

A memory of some width in bits and depth in words can become registers or LUT logic, LUTs used as
RAM, block RAM or UltraRAM, cut into as many pieces as each of them needs. Yosys takes the cheapest
by the costs in its libraries (``lutrams_xc5v.txt``, ``lutrams_xcu.txt``, ``brams_xc4v.txt``,
``urams.txt``), which are restated in the tables here.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsubnet.estimate.calibration.structure import Numbers, ceil, clog2

Ports = Literal["one", "two", "none"]
"""Written at the address that is read, at another one, or never."""

_SELECT = 0.5
"""Cost of a bit of the multiplexer behind pieces that follow in depth, and of each one's enable."""
_LOGIC = {"none": 1 / 64, "one": 8.0, "two": 8.0}
"""Cost of a bit of memory outside RAM: a share of a LUT in a ROM, a register otherwise."""


class Shape(NamedTuple):
    """One way in which a primitive can be used."""

    width: int
    depth: int
    cost: float
    scaled: float
    """The part of the cost that falls with bits of the width that are not used."""
    units: float
    """LUTs, 18 Kbit block RAMs, or UltraRAMs."""
    by_bit: bool = False
    """Whether only the bits that are used take units."""
    beside: float = 0
    """Cost of what the memory needs beside all of its pieces."""


_SMALL, _LARGE = 129.0, 257.0
_TWO_PORTS = (
    *(Shape(w, d, _SMALL, 0, 1) for w, d in
      ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024))),
    *(Shape(w, d, _LARGE, 0, 2) for w, d in
      ((1, 32768), (2, 16384), (4, 8192), (9, 4096), (18, 2048), (36, 1024))),
    Shape(1, 65536, 513, 0, 4),
)  # fmt: skip
_WIDE = (Shape(36, 512, _SMALL, 0, 1), Shape(72, 512, _LARGE, 0, 2))
"""With one port that reads and one that writes."""
_BLOCK: dict[Ports, tuple[Shape, ...]] = {
    "one": (*_TWO_PORTS, *(shape._replace(beside=2) for shape in _WIDE)),
    "two": (*_TWO_PORTS, *_WIDE),
    "none": (*_TWO_PORTS, *_WIDE),
}
_ULTRA = (Shape(72, 4096, 1024, 0, 1), Shape(144, 2048, 1024, 0, 1))
_LUTRAM: dict[tuple[str, Ports], tuple[Shape, ...]] = {
    ("xc7", "one"): (
        Shape(8, 32, 8, 8, 4),
        Shape(4, 64, 8, 8, 4, by_bit=True),
        Shape(2, 128, 8, 8, 4, by_bit=True),
        Shape(1, 256, 8, 8, 4, by_bit=True),
    ),
    ("xc7", "two"): (Shape(6, 32, 8, 7, 4), Shape(3, 64, 8, 7, 4)),
    ("xcup", "one"): (
        Shape(16, 32, 16, 16, 8),
        Shape(8, 64, 16, 16, 8, by_bit=True),
        Shape(4, 128, 16, 16, 8, by_bit=True),
        Shape(2, 256, 16, 16, 8, by_bit=True),
        Shape(1, 512, 16, 16, 8, by_bit=True),
    ),
    ("xcup", "two"): (Shape(14, 32, 16, 16, 8), Shape(7, 64, 16, 16, 8)),
}


@dataclass(frozen=True)
class Memory:
    """What memories become, one for each folding."""

    luts: Numbers
    """LUTs used as RAM."""
    bram18: Numbers
    uram: Numbers
    logic_bits: Numbers
    """Bits of a ROM that becomes LUT logic."""
    mux_luts: Numbers
    """LUTs that choose between pieces in depth, four to one each."""
    registered: NDArray[np.bool_]
    """Whether the word that is read needs registers outside the memory."""


def memory(
    width: Numbers,
    depth: Numbers,
    ports: Ports,
    family: str,
    *,
    style: str = "auto",
    ultraram: bool = False,
    used: Numbers | None = None,
) -> Memory:
    """Return what memories of `width` bits by `depth` words become.

    Parameters
    ----------
    width, depth
        Positive; 0 words: no memory.
    ports
        How it is written.
    family
        As ``synth_xilinx`` calls it.
    style
        ``auto``, ``block``, ``distributed`` or ``ultra``, as the attribute ``ram_style``.
    ultraram
        Whether the part has UltraRAM, which Yosys then also takes unasked.
    used
        Bits of the width that are not padding; all of them if not given.
    """
    payload = width if used is None else used
    kinds: dict[str, tuple[Shape, ...]] = {}
    if style in ("auto", "distributed") and ports != "none":
        kinds["luts"] = _LUTRAM[family, ports]
    if style in ("auto", "block"):
        kinds["bram18"] = _BLOCK[ports]
    if ultraram and ports == "two" and style in ("auto", "ultra"):  # it starts without contents
        kinds["uram"] = _ULTRA
    # Plain logic first: no kind of RAM may be dearer than it.
    logic_cost = width * depth * _LOGIC[ports] if style == "auto" else np.full(width.shape, np.inf)
    best = logic_cost
    chosen = np.full(width.shape, "logic", dtype="<U6")
    units, pieces = np.zeros(width.shape), np.ones(width.shape)
    for kind, shapes in kinds.items():
        for shape in shapes:
            down = ceil(depth, shape.depth)
            if ports == "none":  # pieces that follow in depth lie side by side and share a row
                count = ceil(width * down, shape.width)
                cost = count * shape.cost
            else:
                across = ceil(width, shape.width)
                count = down * (payload / shape.width if shape.by_bit else across)
                cost = down * (
                    across * (shape.cost - shape.scaled) + shape.scaled * width / shape.width
                )
            cost = cost + shape.beside + _SELECT * np.where(down > 1, width * (down - 1) + down, 0)
            better = (cost < best) & (depth > 0)
            best = np.where(better, cost, best)
            chosen = np.where(better, kind, chosen)
            units = np.where(better, shape.units * count, units)
            pieces = np.where(better, down, pieces)
    logic = (chosen == "logic") & (depth > 0)
    return Memory(
        luts=np.where(chosen == "luts", units, 0),
        bram18=np.where(chosen == "bram18", units, 0),
        uram=np.where(chosen == "uram", units, 0),
        logic_bits=np.where(logic, payload * depth, 0),
        mux_luts=np.where((depth > 0) & (pieces > 1), payload * ceil(pieces, 4), 0),
        registered=(depth > 0) & ((chosen == "logic") | (chosen == "luts")),
    )


_LUT_WORDS, _MUXED_WORDS = 64, 256
"""Words of a bit in one LUT, and in LUTs behind MUXF7 and MUXF8."""
_MANY = 60.0
"""Words from which on a bit's values are as good as never those of another bit."""


@dataclass(frozen=True)
class Table:
    """What ROMs of random bits take where they become logic, one for each folding."""

    luts: Numbers
    varying: Numbers
    """Share of the bits of a word that are not the same in every word; 1 for other memories."""
    distinct: Numbers
    """Bits of a word that vary and differ from one another: registers, if it is registered."""


def table(rom: Memory, width: Numbers, depth: Numbers) -> Table:
    """Return the LUTs of ROMs, as ``synth/roms.py`` maps them.

    A bit takes a LUT for each 64 words, and LUTs that choose between blocks of 256. Of few words
    so many bits are constant, equal, or a bit of the address, as are among random ones on average.

    Parameters
    ----------
    rom
        What it becomes.
    width, depth
        Its size; 1 word is no ROM, but constants.
    """
    logic = rom.logic_bits > 0
    functions = np.exp2(np.clip(depth, 1, _MANY))
    met = -np.expm1(width * np.log1p(-1 / functions))  # probability that a bit is one of them
    distinct = (functions - 2) * met
    plain = clog2(depth) * met
    blocks = ceil(depth, _MUXED_WORDS)
    chosen = np.where(blocks > 1, ceil(blocks - 1, 3), 0)
    luts = (distinct - plain) * (ceil(depth, _LUT_WORDS) + chosen)
    return Table(
        luts=np.where(logic, luts, 0),
        varying=np.where(logic | (depth <= 1), 1 - 2 / functions, 1),
        distinct=np.where(logic, distinct, width),
    )
