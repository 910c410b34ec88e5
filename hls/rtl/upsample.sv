// SPDX-License-Identifier: Apache-2.0
//
// Nearest-neighbour upsampling by whole factors.
//
//   out[h][w] = in[h / SCALE_H][w / SCALE_W]
//
// Rows are replayed, then pixels; see stream_replay.sv for the memory. Folding: FOLDS words per
// pixel. Initiation interval 1 at the output.
module upsample #(
	parameter int unsigned WIDTH = 8,    // bits of a word
	parameter int unsigned COLUMNS = 1,  // pixels of an input row
	parameter int unsigned FOLDS = 1,    // words per pixel
	parameter int unsigned SCALE_H = 2,
	parameter int unsigned SCALE_W = 2
) (
	input  logic clk,
	input  logic rst,

	input  logic [WIDTH - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	output logic [WIDTH - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	logic [WIDTH - 1:0] word;
	logic valid, ready;
	stream_replay #(.WIDTH(WIDTH), .LENGTH(COLUMNS * FOLDS), .REPEAT(SCALE_H)) rows (
		.clk, .rst, .idat, .ivld, .irdy, .odat(word), .ovld(valid), .ordy(ready)
	);
	stream_replay #(.WIDTH(WIDTH), .LENGTH(FOLDS), .REPEAT(SCALE_W)) pixels (
		.clk, .rst, .idat(word), .ivld(valid), .irdy(ready), .odat, .ovld, .ordy
	);
endmodule
