// SPDX-License-Identifier: Apache-2.0
//
// Concatenation of feature maps along their channels.
//
//   out[p] = ( in_0[p], in_1[p], ... )
//
// Folding: SIMD divides the channels of every input; input i has FOLDS[i] words per pixel, and they
// leave in turn, each element extended to the output's type. Initiation interval 1.
module concat #(
	parameter int unsigned INPUTS = 2,
	parameter int unsigned SIMD = 1,       // elements per word
	// Words per pixel and bits of an element, 32 bits for each input, input 0 in the low ones.
	parameter logic [32 * INPUTS - 1:0] FOLDS = {INPUTS{32'd1}},
	parameter logic [32 * INPUTS - 1:0] BITS = {INPUTS{32'd8}},
	parameter int unsigned SIGNED = 0,     // one bit for each input: two's complement
	parameter int unsigned IN_WIDTH = 16,  // bits of all inputs' words together
	parameter int unsigned OUT_BITS = 8    // bits of an element of the output
) (
	input  logic clk,
	input  logic rst,

	input  logic [IN_WIDTH - 1:0] idat,
	input  logic [INPUTS - 1:0] ivld,
	output logic [INPUTS - 1:0] irdy,

	output logic [SIMD * OUT_BITS - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	// The sum of the first `count` numbers.
	function automatic int unsigned total(
		input logic [32 * INPUTS - 1:0] numbers, input int unsigned count
	);
		total = 0;
		for (int unsigned i = 0; i < count; i++) total += numbers[32 * i +: 32];
	endfunction

	if (INPUTS == 0 || INPUTS > 32) begin : gen_check_inputs
		$error("INPUTS is at least 1 and at most 32");
	end
	if (IN_WIDTH != SIMD * total(BITS, INPUTS)) begin : gen_check_in_width
		$error("IN_WIDTH is SIMD times the sum of BITS");
	end

	localparam int unsigned PERIOD = total(FOLDS, INPUTS);
	localparam int unsigned COUNT_BITS = PERIOD > 1 ? $clog2(PERIOD) : 1;

	logic ready;
	logic [INPUTS - 1:0] turn;  // one-hot: whose word comes next
	logic [COUNT_BITS - 1:0] count;
	logic unused_last;
	wrap_counter #(.PERIOD(PERIOD)) counter (
		.clk, .rst, .step(ready && |(turn & ivld)), .count, .last(unused_last)
	);

	logic [INPUTS * SIMD * OUT_BITS - 1:0] words;
	for (genvar i = 0; i < INPUTS; i++) begin : gen_input
		localparam int unsigned START = total(FOLDS, i);
		localparam int unsigned END = total(FOLDS, i + 1);
		localparam int unsigned IN_BITS = BITS[32 * i +: 32];
		if (END == START) begin : gen_check_folds
			$error("an input has at least one word per pixel");
		end
		if (IN_BITS > OUT_BITS) begin : gen_check_bits
			$error("OUT_BITS is at least the bits of every input");
		end

		assign turn[i] = int'(count) >= int'(START) && int'(count) < int'(END);

		for (genvar s = 0; s < SIMD; s++) begin : gen_lane
			logic [IN_BITS - 1:0] element;
			assign element = idat[SIMD * total(BITS, i) + s * IN_BITS +: IN_BITS];
			assign words[(i * SIMD + s) * OUT_BITS +: OUT_BITS] =
				OUT_BITS'($signed({SIGNED[i] & element[IN_BITS - 1], element}));
		end
	end

	logic [SIMD * OUT_BITS - 1:0] word;
	always_comb begin
		word = '0;
		for (int i = 0; i < int'(INPUTS); i++) begin
			word |= words[i * SIMD * OUT_BITS +: SIMD * OUT_BITS] & {SIMD * OUT_BITS{turn[i]}};
		end
	end
	assign irdy = turn & {INPUTS{ready}};

	skid_buffer #(.WIDTH(SIMD * OUT_BITS)) out_buffer (
		.clk, .rst, .idat(word), .ivld(|(turn & ivld)), .irdy(ready), .odat, .ovld, .ordy
	);
endmodule
