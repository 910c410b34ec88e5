"""Primitives and what they cost."""

import pytest

from hwsubnet.artifacts import SynthesizedCells
from hwsubnet.errors import ToolError
from hwsubnet.synth.primitives import count


def test_a_netlist_is_added_up():
    cells = {
        "LUT6": 10,
        "LUT2": 3,
        "LUT6_2": 2,
        "INV": 1,
        "SRL16E": 5,
        "SRLC32E": 1,
        "RAM32M": 2,
        "RAM32M16": 1,
        "RAM64X1D": 3,
        "RAM128X1D": 1,
        "FDRE": 20,
        "FDSE": 4,
        "CARRY4": 3,
        "CARRY8": 2,
        "MUXF7": 2,
        "MUXF8": 1,
        "RAMB18E1": 1,
        "RAMB36E1": 2,
        "RAMB36E2": 1,
        "URAM288": 1,
        "DSP48E1": 2,
        "DSP48E2": 1,
    }
    found = count(cells)
    assert found == SynthesizedCells(
        lut_logic=16,
        lut_memory=5 + 1 + 8 + 8 + 6 + 4,
        ff=24,
        bram18=1 + 4 + 2,
        uram=1,
        dsp=3,
        carry=3 + 4,
        mux=3,
    )
    assert found.resources.LUT == 16 + 32
    assert found.resources.BRAM18 == 7


def test_an_unknown_cell_is_never_counted_as_nothing():
    with pytest.raises(ToolError, match="cell 'RAMB72' whose cost is not known"):
        count({"LUT6": 1, "RAMB72": 1})


def test_totals_add_every_field():
    one = count({"LUT6": 1, "FDRE": 2, "RAMB36E1": 1})
    assert SynthesizedCells.total([one, one]) == count({"LUT6": 2, "FDRE": 4, "RAMB36E1": 2})
    assert SynthesizedCells.total([]) == count({})
