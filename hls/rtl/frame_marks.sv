// SPDX-License-Identifier: Apache-2.0
//
// Which frames end a transfer: a queue of one bit per frame that has entered an accelerator and has
// not left it.
//
//   omark = imark, first in first out
//
// It bounds how many frames can be under way; a shift register of DEPTH bits.
module frame_marks #(
	parameter int unsigned DEPTH = 256  // frames under way
) (
	input  logic clk,
	input  logic rst,

	input  logic imark,
	input  logic ivld,
	output logic irdy,

	output logic omark,
	output logic ovld,
	input  logic ordy
);
	if (DEPTH < 2) begin : gen_check_depth
		$error("DEPTH is at least 2");
	end

	localparam int unsigned BITS = $clog2(DEPTH + 1);

	logic [DEPTH - 1:0] line;  // the newest in bit 0
	logic [BITS - 1:0] count;
	logic push, pop;

	assign irdy = count != BITS'(DEPTH);
	assign ovld = count != '0;
	assign omark = line[$clog2(DEPTH)'(count - 1'b1)];
	assign push = ivld && irdy;
	assign pop = ovld && ordy;

	always_ff @(posedge clk) begin
		if (rst) count <= '0;
		else if (push != pop) count <= push ? count + 1'b1 : count - 1'b1;
	end
	// Without a reset, so that it becomes shift registers.
	always_ff @(posedge clk) begin
		if (push) line <= {line[DEPTH - 2:0], imark};
	end
endmodule
