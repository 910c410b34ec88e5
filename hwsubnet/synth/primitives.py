"""What each primitive of a synthesized netlist takes of an AMD FPGA.

LUTs are counted as the netlist has them, before Vivado's placer packs two small ones into the two
halves of one (LUT6_2): its "LUT as Logic" is usually some percent lower. The table follows the
libraries guides of 7-series (UG953) and UltraScale (UG974).
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from hwsubnet.artifacts import SynthesizedCells
from hwsubnet.errors import ToolError

Kind = Literal["lut", "mux", "carry", "ff", "lutram", "srl", "bram", "uram", "dsp"]


class Primitive(NamedTuple):
    """One cell of the library."""

    kind: Kind
    units: int = 1
    """LUTs, flip-flops, 18 Kbit halves of block RAM, groups of four carry bits, blocks."""


def _all(kind: Kind, units: int, *names: str) -> dict[str, Primitive]:
    return dict.fromkeys(names, Primitive(kind, units))


PRIMITIVES: Mapping[str, Primitive] = {
    **_all("lut", 1, "INV", "LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "LUT6_2"),
    **_all("mux", 1, "MUXF7", "MUXF8", "MUXF9"),
    **_all("carry", 1, "CARRY4"),
    **_all("carry", 2, "CARRY8"),
    **_all("ff", 1, "FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1", "FDCE_1", "FDPE_1"),
    **_all("ff", 1, "LDCE", "LDPE"),
    **_all("srl", 1, "SRL16E", "SRLC16E", "SRLC32E"),
    # Names say depth, width in bits, and S(ingle) or D(ual port); a LUT holds 64 bits for one port.
    **_all("lutram", 1, "RAM16X1S", "RAM32X1S", "RAM64X1S", "RAM32X1S_1", "RAM64X1S_1"),
    **_all("lutram", 2, "RAM16X1D", "RAM32X1D", "RAM64X1D", "RAM32X1D_1", "RAM64X1D_1"),
    **_all("lutram", 2, "RAM128X1S", "RAM128X1S_1"),
    **_all("lutram", 4, "RAM128X1D", "RAM256X1S"),
    **_all("lutram", 8, "RAM256X1D", "RAM512X1S"),
    # Four, or on UltraScale eight LUTs with a shared write port.
    **_all("lutram", 4, "RAM32M", "RAM64M"),
    **_all("lutram", 8, "RAM32M16", "RAM64M8", "RAM32X16DR8", "RAM64X8SW"),
    **_all("bram", 1, "RAMB18E1", "RAMB18E2"),
    **_all("bram", 2, "RAMB36E1", "RAMB36E2"),
    **_all("uram", 1, "URAM288", "URAM288_BASE"),
    **_all("dsp", 1, "DSP48E1", "DSP48E2", "DSP58"),
}


def primitive(name: str) -> Primitive:
    """Return what the cell `name` is.

    Raises
    ------
    ToolError
        If the table does not have it: a count without it would be too low.
    """
    try:
        return PRIMITIVES[name]
    except KeyError:
        raise ToolError(
            f"synthesis gave a cell {name!r} whose cost is not known",
            fix="add it to hwsubnet/synth/primitives.py",
        ) from None


def count(cells: Mapping[str, int]) -> SynthesizedCells:
    """Add up a netlist's cells, given how often each occurs.

    Raises
    ------
    ToolError
        If one of them is not known.
    """
    units: dict[Kind, int] = {}
    for name, times in cells.items():
        kind, each = primitive(name)
        units[kind] = units.get(kind, 0) + each * times
    return SynthesizedCells(
        lut_logic=units.get("lut", 0),
        lut_memory=units.get("lutram", 0) + units.get("srl", 0),
        ff=units.get("ff", 0),
        bram18=units.get("bram", 0),
        uram=units.get("uram", 0),
        dsp=units.get("dsp", 0),
        carry=units.get("carry", 0),
        mux=units.get("mux", 0),
    )
