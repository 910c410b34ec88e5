"""Memories that Yosys's own libraries would get wrong."""

import pytest
from support.synthesis import verilog

from hwsubnet.synth.primitives import count
from hwsubnet.synth.worker import repaired

NARROW = """
module kit(input clk, input we, input [8:0] address, input [3:0] d, output logic [3:0] q);
    logic [3:0] words [480];
    always_ff @(posedge clk) begin
        if (we) words[address] <= d;
        q <= words[address];
    end
endmodule
"""


@pytest.mark.parametrize("ultraram", [False, True])
def test_a_narrow_deep_memory_can_be_synthesized_for_ultrascale(cells, ultraram):
    found = cells(verilog(NARROW), "xcup", ultraram=ultraram)
    assert found["RAM512X1S"] == 4, "one RAM of 512 words for each bit"
    assert count(found).lut_memory == 4 * 512 // 64


def test_another_library_is_not_repaired_blindly():
    with pytest.raises(LookupError, match="no longer those that were repaired"):
        repaired("ram distributed $__XILINX_LUTRAM_SP_ {}")
