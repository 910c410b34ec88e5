"""The slowest path of netlists small enough to reckon by hand."""

from math import log2
from typing import Any

import pytest

from hwsubnet.errors import ToolError
from hwsubnet.synth.timing import DELAYS, slowest_path

D = DELAYS["xc7"]
OUTPUTS = {"O", "Q", "CO", "P", "DO"}


def cell(kind: str, parameters: dict[str, Any] | None = None, **pins: list[int | str]) -> Any:
    return {
        "type": kind,
        "parameters": parameters or {},
        "connections": pins,
        "port_directions": {pin: "output" if pin in OUTPUTS else "input" for pin in pins},
    }


def module(
    *cells: Any, inputs: dict[str, int] | None = None, outputs: dict[str, int] | None = None
):
    inputs, outputs = inputs or {}, outputs or {}
    ports = {
        **{name: {"direction": "input", "bits": [bit]} for name, bit in inputs.items()},
        **{name: {"direction": "output", "bits": [bit]} for name, bit in outputs.items()},
    }
    bits = {
        bit for one in cells for pin in one["connections"].values() for bit in pin if bit != "0"
    } | set(outputs.values())
    return {
        "cells": {f"c{index}": one for index, one in enumerate(cells)},
        "ports": ports,
        "netnames": {f"n{bit}": {"bits": [bit], "hide_name": 0} for bit in bits},
    }


def flop(d: int, q: int) -> Any:
    return cell("FDRE", C=[99], D=[d], Q=[q])


def test_register_to_register():
    path = slowest_path(
        module(flop(1, 2), cell("LUT1", I0=[2], O=[3]), cell("LUT1", I0=[3], O=[4]), flop(4, 5)),
        "xc7",
    )
    # The last LUT lies beside its flip-flop.
    assert path.ns == pytest.approx(D.ff_out + 2 * (D.net + D.lut) + D.ff_setup)
    assert (path.levels, path.start, path.end) == (2, "n2", "n5")


def test_a_cell_without_a_name_says_where_it_comes_from_in_the_sources():
    ends = flop(2, 3)
    ends["attributes"] = {"src": "/tools/yosys/share/lutrams.v:7.1-8.2|rtl/pool.sv:40.2-41.3"}
    made = module(flop(1, 2), ends)
    made["netnames"] = {}
    assert slowest_path(made, "xc7").end == "rtl/pool.sv:40.2-41.3"


def test_fanout_costs_time():
    luts = [cell("LUT1", I0=[2], O=[10 + i]) for i in range(7)]
    path = slowest_path(module(flop(1, 2), *luts, flop(10, 3)), "xc7")
    net = D.net * (1 + log2(7) / 8)
    assert path.ns == pytest.approx(D.ff_out + net + D.lut + D.ff_setup, abs=1e-3)


def test_inputs_start_and_outputs_end_paths():
    lut = cell("LUT2", I0=[1], I1=[2], O=[3])
    path = slowest_path(module(lut, inputs={"a": 1, "b": 2}, outputs={"y": 3}), "xc7")
    assert path.ns == pytest.approx(D.net + D.lut)
    assert path.levels == 1


def test_a_carry_chain_is_fast():
    chain = [
        cell("CARRY4", CI=["0"], S=[2], DI=["0"], CO=[10], O=[20]),
        *(
            cell("CARRY4", CI=[9 + i], S=["0"], DI=["0"], CO=[10 + i], O=[20 + i])
            for i in range(1, 4)
        ),
    ]
    path = slowest_path(module(flop(1, 2), *chain, flop(23, 5)), "xc7")
    assert path.levels == 4
    assert path.ns == pytest.approx(
        D.ff_out + D.carry_entry + 3 * D.carry_through + D.ff_setup, abs=1e-3
    )


def test_ram_with_and_without_output_register():
    for registered, out in ((0, D.ram_out), (1, D.ram_register_out)):
        ram = cell("RAMB18E1", {"DOA_REG": f"{registered:032b}"}, CLKARDCLK=[99], DI=[1], DO=[2])
        path = slowest_path(module(ram, flop(2, 3)), "xc7")
        assert path.ns == pytest.approx(out + D.net + D.ff_setup)


def test_a_dsp_without_registers_is_logic():
    none = dict.fromkeys(("AREG", "BREG", "CREG", "DREG", "ADREG", "MREG", "PREG"), 0)
    path = slowest_path(module(flop(1, 2), cell("DSP48E1", none, A=[2], P=[3]), flop(3, 4)), "xc7")
    assert path.levels == 1
    assert path.ns > D.dsp_multiply + D.dsp_add
    registered = none | {"AREG": 1, "MREG": 1, "PREG": 1}
    path = slowest_path(
        module(flop(1, 2), cell("DSP48E1", registered, A=[2], P=[3]), flop(3, 4)), "xc7"
    )
    assert path.levels == 0
    assert path.ns == pytest.approx(D.ff_out + D.net + D.dsp_setup)


def test_shift_registers_read_at_once_and_write_at_the_clock():
    srl = cell("SRL16E", CLK=[99], CE=["0"], D=[2], A0=[3], Q=[4])
    path = slowest_path(module(flop(1, 2), flop(5, 3), srl, flop(4, 6)), "xc7")
    # Through the address: out of the flip-flop, the shift register as a LUT, into the next.
    through_address = D.ff_out + D.net + D.lut + D.net + D.ff_setup
    from_clock = D.lutram_out + D.net + D.ff_setup
    assert path.ns == pytest.approx(max(through_address, from_clock))


def test_every_family_is_faster_with_age():
    netlist = module(flop(1, 2), cell("LUT1", I0=[2], O=[3]), flop(3, 4))
    assert slowest_path(netlist, "xcup").ns < slowest_path(netlist, "xc7").ns


def test_no_logic_no_path():
    assert slowest_path(module(), "xc7").levels == 0


def test_a_loop_is_told():
    loop = [cell("LUT1", I0=[1], O=[2]), cell("LUT1", I0=[2], O=[1])]
    with pytest.raises(ToolError, match="combinational logic forms a loop through 'n"):
        slowest_path(module(*loop), "xc7")


def test_notes_of_yosys_are_no_hardware():
    note = {"type": "$scopeinfo", "connections": {}, "port_directions": {}}
    assert slowest_path(module(note, flop(1, 2)), "xc7").levels == 0
