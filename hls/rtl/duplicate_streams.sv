// SPDX-License-Identifier: Apache-2.0
//
// Duplicate streams: the same words to several readers.
//
//   out_i = in      for every output i
//
// A reader that is ready takes its copy at once; the next word comes when all have taken theirs.
// Initiation interval 1.
module duplicate_streams #(
	parameter int unsigned WIDTH = 8,   // bits of a word
	parameter int unsigned OUTPUTS = 2  // copies
) (
	input  logic clk,
	input  logic rst,

	input  logic [WIDTH - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	output logic [OUTPUTS * WIDTH - 1:0] odat,
	output logic [OUTPUTS - 1:0] ovld,
	input  logic [OUTPUTS - 1:0] ordy
);
	if (OUTPUTS == 0) begin : gen_check_outputs
		$error("OUTPUTS is at least 1");
	end

	logic [WIDTH - 1:0] word;
	logic valid, done;
	skid_buffer #(.WIDTH(WIDTH)) in_buffer (
		.clk, .rst, .idat, .ivld, .irdy, .odat(word), .ovld(valid), .ordy(done)
	);

	logic [OUTPUTS - 1:0] taken;  // readers that already have this word
	assign done = &(taken | ordy);
	assign odat = {OUTPUTS{word}};
	assign ovld = {OUTPUTS{valid}} & ~taken;

	always_ff @(posedge clk) begin
		if (rst || done) taken <= '0;
		else if (valid) taken <= taken | ordy;
	end
endmodule
