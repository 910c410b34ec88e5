// SPDX-License-Identifier: Apache-2.0
//
// Skid buffer: a stream passes unchanged, and every output of both sides is a register.
//
//   odat = idat, one clock cycle later or more
//
// Two words fit, so that no throughput is lost although `irdy` does not depend on `ordy`: chains of
// kernels have no long combinational paths in either direction.
module skid_buffer #(
	parameter int unsigned WIDTH = 8  // bits of a word
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
	if (WIDTH == 0) begin : gen_check_width
		$error("WIDTH is at least 1");
	end

	logic [WIDTH - 1:0] spare;
	logic spared;  // `spare` holds a word that came after the one in `odat`

	assign irdy = !spared;

	always_ff @(posedge clk) begin
		if (rst) begin
			ovld <= 1'b0;
			spared <= 1'b0;
		end else if (ordy || !ovld) begin
			ovld <= spared || ivld;
			spared <= 1'b0;
		end else if (ivld) begin
			spared <= 1'b1;
		end
	end

	always_ff @(posedge clk) begin
		if (ordy || !ovld) odat <= spared ? spare : idat;
		if (!spared) spare <= idat;
	end
endmodule
