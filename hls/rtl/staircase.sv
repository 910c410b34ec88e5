// SPDX-License-Identifier: Apache-2.0
//
// Staircase: how many thresholds each of PE values has reached, and a bias.
//
//   out[p] = BIAS + #{ s : values[p] >= thresholds[p][s] }
//
// All comparisons side by side, then an adder tree, in a pipeline: latency 1 + ceil($clog2(STEPS)/2)
// enabled clock cycles. Element 0 of every vector lies in its low bits.
module staircase #(
	parameter int unsigned PE = 1,           // values
	parameter int unsigned STEPS = 1,        // thresholds of each value
	parameter int unsigned VALUE_BITS = 8,   // bits of a value
	parameter bit VALUE_SIGNED = 1'b1,
	parameter int unsigned STEP_BITS = 8,    // bits of a threshold
	parameter bit STEP_SIGNED = 1'b1,
	parameter int unsigned OUT_BITS = 1,     // bits of a result
	parameter int BIAS = 0                   // the result below all thresholds
) (
	input  logic clk,
	input  logic enable,
	input  logic [PE * VALUE_BITS - 1:0] values,
	input  logic [PE * STEPS * STEP_BITS - 1:0] thresholds,
	output logic [PE * OUT_BITS - 1:0] out
);
	if (STEPS == 0) begin : gen_check_steps
		$error("STEPS is at least 1");
	end

	// A signed type that holds a value and a threshold of either signedness.
	localparam int unsigned BITS = 1 + (VALUE_BITS > STEP_BITS ? VALUE_BITS : STEP_BITS);
	localparam int unsigned COUNT_BITS = 1 + $clog2(STEPS);

	for (genvar p = 0; p < PE; p++) begin : gen_value
		logic [VALUE_BITS - 1:0] value;
		logic signed [BITS - 1:0] extended;
		logic [STEPS - 1:0] reached;
		logic [COUNT_BITS - 1:0] count;

		assign value = values[p * VALUE_BITS +: VALUE_BITS];
		assign extended = BITS'($signed({VALUE_SIGNED & value[VALUE_BITS - 1], value}));

		for (genvar s = 0; s < STEPS; s++) begin : gen_step
			logic [STEP_BITS - 1:0] threshold;
			logic signed [BITS - 1:0] compared;
			assign threshold = thresholds[(p * STEPS + s) * STEP_BITS +: STEP_BITS];
			assign compared = BITS'($signed({STEP_SIGNED & threshold[STEP_BITS - 1], threshold}));
			always_ff @(posedge clk) if (enable) reached[s] <= extended >= compared;
		end

		adder_tree #(.N(STEPS), .WIDTH(1)) counter (
			.clk, .enable, .operands(reached), .sum(count)
		);
		assign out[p * OUT_BITS +: OUT_BITS] = OUT_BITS'(32'(count) + 32'(BIAS));
	end
endmodule
