// SPDX-License-Identifier: Apache-2.0
//
// Matrix-vector unit: a fully connected layer, or a convolution over sliding windows, in any
// precision from one bit on, with its weights in ROM.
//
//   acc[n] = sum over m of  x[m] * w[n][m],   m < MW, n < MH
//   out[n] = acc[n], or its staircase
//
// mac_array.sv tells the encodings of operands and the memory layouts.
//
// Folding: SIMD divides MW, PE divides MH. A vector comes once, in MW / SIMD words, and
// is replayed for each of the MH / PE groups of results: MW / SIMD * MH / PE cycles.
module matrix_vector #(
	parameter int unsigned MW = 1,  // columns
	parameter int unsigned MH = 1,  // rows
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

	input  logic [SIMD * IN_BITS - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	output logic [PE * OUT_BITS - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	if (MW % SIMD != 0) begin : gen_check_columns
		$error("SIMD must divide MW");
	end
	if (MH % PE != 0) begin : gen_check_rows
		$error("PE must divide MH");
	end

	logic [SIMD * IN_BITS - 1:0] xdat;
	logic xvld, xrdy;
	stream_replay #(.WIDTH(SIMD * IN_BITS), .LENGTH(MW / SIMD), .REPEAT(MH / PE)) replay (
		.clk, .rst, .idat, .ivld, .irdy, .odat(xdat), .ovld(xvld), .ordy(xrdy)
	);
	mac_array #(
		.PE(PE), .SIMD(SIMD), .VECTORS(1), .FOLDS(MW / SIMD), .GROUPS(MH / PE),
		.IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED), .IN_BIPOLAR(IN_BIPOLAR),
		.WEIGHT_BITS(WEIGHT_BITS), .WEIGHT_SIGNED(WEIGHT_SIGNED), .WEIGHT_BIPOLAR(WEIGHT_BIPOLAR),
		.ACC_BITS(ACC_BITS), .ACC_SIGNED(ACC_SIGNED),
		.STEPS(STEPS), .STEP_BITS(STEP_BITS), .STEP_SIGNED(STEP_SIGNED), .BIAS(BIAS),
		.OUT_BITS(OUT_BITS), .WEIGHTS(WEIGHTS), .THRESHOLDS(THRESHOLDS)
	) array (.clk, .rst, .idat(xdat), .ivld(xvld), .irdy(xrdy), .odat, .ovld, .ordy);
endmodule
