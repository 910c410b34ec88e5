// SPDX-License-Identifier: Apache-2.0
//
// Global accumulate-pool: the sum of every channel over all pixels.
//
//   out[c] = sum over p < PIXELS of  in[p][c]
//
// Folding: PE divides CHANNELS. Memory layout: the sums so far, CHANNELS / PE words of PE sums, in
// LUT RAM. Initiation interval 1; the sums leave with the last pixel.
module accumulate_pool #(
	parameter int unsigned PIXELS = 1,
	parameter int unsigned CHANNELS = 1,
	parameter int unsigned PE = 1,       // channels per word
	parameter int unsigned IN_BITS = 8,  // bits of an element
	parameter bit SIGNED = 1'b0,         // elements are two's complement
	parameter int unsigned OUT_BITS = 8  // bits of a sum
) (
	input  logic clk,
	input  logic rst,

	input  logic [PE * IN_BITS - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	output logic [PE * OUT_BITS - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	if (CHANNELS % PE != 0) begin : gen_check_channels
		$error("PE must divide CHANNELS");
	end
	if (OUT_BITS < IN_BITS) begin : gen_check_out_bits
		$error("OUT_BITS is at least IN_BITS");
	end

	localparam int unsigned FOLDS = CHANNELS / PE;
	localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
	localparam int unsigned PIXEL_BITS = PIXELS > 1 ? $clog2(PIXELS) : 1;

	logic ready, step, last_fold, last_pixel;
	logic [FOLD_BITS - 1:0] fold;
	logic [PIXEL_BITS - 1:0] pixel;
	assign irdy = ready || !last_pixel;
	assign step = ivld && irdy;
	wrap_counter #(.PERIOD(FOLDS)) folds (.clk, .rst, .step, .count(fold), .last(last_fold));
	wrap_counter #(.PERIOD(PIXELS)) pixels (
		.clk, .rst, .step(step && last_fold), .count(pixel), .last(last_pixel)
	);

	logic [PE * OUT_BITS - 1:0] words [FOLDS];
	logic [PE * OUT_BITS - 1:0] so_far, sums;
	assign so_far = words[fold];
	always_ff @(posedge clk) if (step) words[fold] <= sums;

	for (genvar p = 0; p < PE; p++) begin : gen_element
		logic [IN_BITS - 1:0] element;
		logic [OUT_BITS - 1:0] x;
		assign element = idat[p * IN_BITS +: IN_BITS];
		assign x = OUT_BITS'($signed({SIGNED & element[IN_BITS - 1], element}));
		assign sums[p * OUT_BITS +: OUT_BITS] =
			pixel == '0 ? x : so_far[p * OUT_BITS +: OUT_BITS] + x;
	end

	skid_buffer #(.WIDTH(PE * OUT_BITS)) out_buffer (
		.clk, .rst, .idat(sums), .ivld(ivld && last_pixel), .irdy(ready), .odat, .ovld, .ordy
	);
endmodule
