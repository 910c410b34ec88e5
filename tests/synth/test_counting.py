"""Hand-written modules of which everybody knows what they take."""

import pytest
from support.synthesis import verilog

from hwsubnet.synth.primitives import count

# An adder with its register, two shift registers with a moving tap, a small and a large memory.
KIT = """
module kit (
	input clk, input [15:0] a, b, output logic [15:0] sum,
	input push, input [4:0] d, input [2:0] tap, output logic [4:0] q,
	input we, input [4:0] wa, ra, input [5:0] wd, output [5:0] rd,
	input [9:0] address, input [35:0] word, output logic [35:0] found,
	input signed [17:0] f, input signed [24:0] g, output logic signed [42:0] product
);
	always_ff @(posedge clk) sum <= a + b;

	logic [4:0] queue [7];
	always_ff @(posedge clk) if (push) queue <= { d, queue[0:5] };
	assign q = queue[tap];

	(* ram_style = "distributed" *) logic [5:0] table_ [32];
	always_ff @(posedge clk) if (we) table_[wa] <= wd;
	assign rd = table_[ra];

	(* ram_style = "block" *) logic [35:0] block [1024];
	always_ff @(posedge clk) begin
		if (we) block[address] <= word;
		found <= block[address];
	end

	always_ff @(posedge clk) product <= f * g;
endmodule
"""


@pytest.mark.parametrize("family", ["xc7", "xcup"])
def test_a_kit_of_everything(cells, family):
    found = count(cells(verilog(KIT), family))
    # The word's register is the RAM's; the product's is the DSP's, which Yosys knows of xc7 only.
    assert found.ff == 16 + {"xc7": 0, "xcup": 43}[family]
    assert found.carry == 4
    assert found.dsp == 1
    assert found.bram18 == 2
    # Five bits of queue; 32 words of six bits with a port to write and one to read: a RAM32M for
    # up to six bits, and UltraScale+ has only RAM32M16, for up to 14.
    assert found.lut_memory == 5 + {"xc7": 4, "xcup": 8}[family]
    assert found.lut_logic == 16  # a ^ b before the carries


def test_ultraram(cells):
    text = """
    module kit (input clk, we, input [11:0] address, input [71:0] d, output logic [71:0] q);
        (* ram_style = "ultra" *) logic [71:0] words [4096];
        always_ff @(posedge clk) begin
            if (we) words[address] <= d;
            else q <= words[address];
        end
    endmodule
    """
    found = count(cells(verilog(text), "xcup", ultraram=True))
    assert (found.uram, found.bram18, found.lut_memory) == (1, 0, 0)


ROM = """
module kit (input clk, input [6:0] address, output logic [7:0] q);
	logic [7:0] words [128];
	initial $readmemh("data/rom.dat", words);
	(* ram_style = "distributed" *) logic [7:0] word;
	assign word = words[address];
	always_ff @(posedge clk) q <= word;
endmodule
"""


def test_what_a_rom_takes_depends_on_what_is_in_it(cells):
    def lut(words: list[int]) -> int:
        text = "".join(f"{word:02x}\n" for word in words)
        return count(cells(verilog(ROM, {"data/rom.dat": text}))).lut_logic

    assert lut([0] * 128) == 0
    assert lut([(index * 89 + index * index * 37) % 251 for index in range(128)]) > 12
