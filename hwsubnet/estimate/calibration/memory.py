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

from hwsubnet.estimate.calibration.structure import Numbers, ceil

Ports = Literal["one", "two", "none"]
"""Written at the address that is read, at another one, or never."""

_MUX = 0.5
"""Cost of one bit of one input of the multiplexer behind pieces that follow in depth."""
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


_BLOCK = (
    *(Shape(w, d, 129, 0, 1) for w, d in
      ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))),
    *(Shape(w, d, 257, 0, 2) for w, d in
      ((72, 512), (36, 1024), (18, 2048), (9, 4096), (4, 8192), (2, 16384), (1, 32768))),
    *(Shape(w, d, 513, 0, 4) for w, d in ((9, 8192), (4, 16384), (2, 32768), (1, 65536))),
)  # fmt: skip
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
    mux_bits: Numbers
    """Bits of width, times the pieces in depth beyond the first."""
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
    """
    kinds: dict[str, tuple[Shape, ...]] = {}
    if style in ("auto", "distributed") and ports != "none":
        kinds["luts"] = _LUTRAM[family, ports]
    if style in ("auto", "block"):
        kinds["bram18"] = _BLOCK
    if ultraram and style in ("auto", "ultra"):
        kinds["uram"] = _ULTRA
    # Plain logic first: no kind of RAM may be dearer than it.
    logic_cost = width * depth * _LOGIC[ports] if style == "auto" else np.full(width.shape, np.inf)
    best = logic_cost
    chosen = np.full(width.shape, "logic", dtype="<U6")
    units, pieces = np.zeros(width.shape), np.ones(width.shape)
    for kind, shapes in kinds.items():
        for shape in shapes:
            across, down = ceil(width, shape.width), ceil(depth, shape.depth)
            cost = down * (
                across * (shape.cost - shape.scaled) + shape.scaled * width / shape.width
            )
            cost = cost + _MUX * width * (down - 1)
            better = (cost < best) & (depth > 0)
            used = shape.units * (width / shape.width if shape.by_bit else across)
            best = np.where(better, cost, best)
            chosen = np.where(better, kind, chosen)
            units = np.where(better, used * down, units)
            pieces = np.where(better, down, pieces)
    logic = (chosen == "logic") & (depth > 0)
    return Memory(
        luts=np.where(chosen == "luts", units, 0),
        bram18=np.where(chosen == "bram18", units, 0),
        uram=np.where(chosen == "uram", units, 0),
        logic_bits=np.where(logic, width * depth, 0),
        mux_bits=np.where(depth > 0, width * (pieces - 1), 0),
        registered=(depth > 0) & ((chosen == "logic") | (chosen == "luts")),
    )
