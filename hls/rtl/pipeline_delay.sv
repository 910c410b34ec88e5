// SPDX-License-Identifier: Apache-2.0
//
// Delay line: q = d, CYCLES enabled clock cycles later; zeros after reset.
module pipeline_delay #(
	parameter int unsigned WIDTH = 1,
	parameter int unsigned CYCLES = 1
) (
	input  logic clk,
	input  logic rst,
	input  logic enable,
	input  logic [WIDTH - 1:0] d,
	output logic [WIDTH - 1:0] q
);
	if (CYCLES == 0) begin : gen_wire
		assign q = d;
		logic unused;
		assign unused = &{1'b0, clk, rst, enable};
	end else begin : gen_line
		logic [CYCLES * WIDTH - 1:0] line;  // the newest value in the low bits
		assign q = line[(CYCLES - 1) * WIDTH +: WIDTH];
		always_ff @(posedge clk) begin
			if (rst) line <= '0;
			else if (enable) line <= (CYCLES * WIDTH)'({line, d});
		end
	end
endmodule
