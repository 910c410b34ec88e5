// SPDX-License-Identifier: Apache-2.0
//
// Vector-vector unit: a depthwise convolution over depthwise sliding windows.
//
//   acc[c] = sum over k of  x[k][c] * w[c][k],   k < K, c < CHANNELS
//   out[c] = acc[c], or its staircase
//
// mac_array.sv tells the encodings of operands and the memory layouts.
//
// Folding: PE divides CHANNELS, SIMD divides K. Words come channel group by channel group, SIMD
// window positions of PE channels each, channels innermost. A pixel takes CHANNELS / PE *
// K / SIMD cycles.
module vector_vector #(
	parameter int unsigned CHANNELS = 1,
	parameter int unsigned K = 1,
	parameter int unsigned PE = 1,
	parameter int unsigned SIMD = 1,
	parameter int unsigned IN_BITS = 1,
	parameter bit IN_SIGNED = 1'b0,
	parameter bit IN_BIPOLAR = 1'b0,
	parameter int unsigned WEIGHT_BITS = 1,
	parameter bit WEIGHT_SIGNED = 1'b0,
	parameter bit WEIGHT_BIPOLAR = 1'b0,
	parameter int unsigned ACC_BITS = 8,
	parameter bit ACC_SIGNED = 1'b1,
	parameter int unsigned STEPS = 0,
	parameter int unsigned STEP_BITS = 1,
	parameter bit STEP_SIGNED = 1'b1,
	parameter int BIAS = 0,
	parameter int unsigned OUT_BITS = 8,
	parameter WEIGHTS = "",
	parameter THRESHOLDS = ""
) (
	input  logic clk,
	input  logic rst,

	input  logic [SIMD * PE * IN_BITS - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	output logic [PE * OUT_BITS - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	if (CHANNELS % PE != 0) begin : gen_check_channels
		$error("PE must divide CHANNELS");
	end
	if (K % SIMD != 0) begin : gen_check_kernel
		$error("SIMD must divide K");
	end

	mac_array #(
		.PE(PE), .SIMD(SIMD), .VECTORS(PE), .FOLDS(K / SIMD), .GROUPS(CHANNELS / PE),
		.IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED), .IN_BIPOLAR(IN_BIPOLAR),
		.WEIGHT_BITS(WEIGHT_BITS), .WEIGHT_SIGNED(WEIGHT_SIGNED), .WEIGHT_BIPOLAR(WEIGHT_BIPOLAR),
		.ACC_BITS(ACC_BITS), .ACC_SIGNED(ACC_SIGNED),
		.STEPS(STEPS), .STEP_BITS(STEP_BITS), .STEP_SIGNED(STEP_SIGNED), .BIAS(BIAS),
		.OUT_BITS(OUT_BITS), .WEIGHTS(WEIGHTS), .THRESHOLDS(THRESHOLDS)
	) array (.clk, .rst, .idat, .ivld, .irdy, .odat, .ovld, .ordy);
endmodule
