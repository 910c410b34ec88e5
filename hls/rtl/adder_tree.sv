// SPDX-License-Identifier: Apache-2.0
//
// Adder tree: the sum of N numbers, exact, in a pipeline.
//
//   sum = operands[0] + ... + operands[N - 1]
//
// Each level adds pairs and is one bit wider than the one before it; every second level and the
// last are registers. Latency: ceil($clog2(N) / 2) enabled clock cycles, 0 for one operand.
module adder_tree #(
	parameter int unsigned N = 2,      // operands
	parameter int unsigned WIDTH = 1,  // bits of an operand
	parameter bit SIGNED = 1'b0,       // operands are two's complement

	localparam int unsigned LEVELS = $clog2(N),
	localparam int unsigned SUM_WIDTH = WIDTH + LEVELS
) (
	input  logic clk,
	input  logic enable,
	input  logic [N * WIDTH - 1:0] operands,  // operand 0 in the low bits
	output logic [SUM_WIDTH - 1:0] sum
);
	if (N == 0 || WIDTH == 0) begin : gen_check_n
		$error("N and WIDTH are at least 1");
	end

	for (genvar level = 0; level <= LEVELS; level++) begin : gen_level
		localparam int unsigned COUNT = (N + 2 ** level - 1) / 2 ** level;
		localparam int unsigned BITS = WIDTH + level;
		logic [COUNT * BITS - 1:0] values;

		if (level == 0) begin : gen_leaves
			assign values = operands;
		end else begin : gen_sums
			localparam int unsigned FROM_COUNT = (N + 2 ** (level - 1) - 1) / 2 ** (level - 1);
			logic [COUNT * BITS - 1:0] sums;
			for (genvar i = 0; i < COUNT; i++) begin : gen_sum
				logic [BITS - 2:0] a, b;
				assign a = gen_level[level - 1].values[2 * i * (BITS - 1) +: BITS - 1];
				if (2 * i + 1 < FROM_COUNT) begin : gen_pair
					assign b = gen_level[level - 1].values[(2 * i + 1) * (BITS - 1) +: BITS - 1];
				end else begin : gen_single
					assign b = '0;
				end
				assign sums[i * BITS +: BITS] =
					{SIGNED & a[BITS - 2], a} + {SIGNED & b[BITS - 2], b};
			end
			if (level % 2 == 0 || level == LEVELS) begin : gen_register
				always_ff @(posedge clk) if (enable) values <= sums;
			end else begin : gen_wire
				assign values = sums;
			end
		end
	end

	assign sum = gen_level[LEVELS].values;

	if (LEVELS == 0) begin : gen_unused
		logic unused;
		assign unused = &{1'b0, clk, enable};
	end
endmodule
