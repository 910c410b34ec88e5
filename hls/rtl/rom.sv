// SPDX-License-Identifier: Apache-2.0
//
// ROM with a registered output, which can become block RAM, LUT RAM or logic.
//
//   q = word[address], one enabled clock cycle later
//
// FILE is read by $readmemh: word 0 first, one a line.
module rom #(
	parameter int unsigned WIDTH = 8,  // bits of a word
	parameter int unsigned DEPTH = 2,  // words
	parameter FILE = "",               // contents, relative to where the tool runs

	localparam int unsigned BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
	input  logic clk,
	input  logic enable,
	input  logic [BITS - 1:0] address,
	output logic [WIDTH - 1:0] q
);
	if (WIDTH == 0 || DEPTH == 0) begin : gen_check_width
		$error("WIDTH and DEPTH are at least 1");
	end

	logic [WIDTH - 1:0] words [DEPTH];

	initial $readmemh(FILE, words);

	always_ff @(posedge clk) begin
		if (enable) q <= words[address];
	end
endmodule
