// SPDX-License-Identifier: Apache-2.0
//
// Which frames end a transfer: a queue of one bit per frame that has entered an accelerator and has
// not left it.
//
//   omark = imark, first in first out
//
// It bounds how many frames can be under way; a ring in LUTs used as memory.
module frame_marks #(
	parameter int unsigned DEPTH = 256  // frames under way; a power of 2
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
	if (DEPTH < 2 || (DEPTH & (DEPTH - 1)) != 0) begin : gen_check_depth
		$error("DEPTH is a power of 2, at least 2");
	end

	localparam int unsigned BITS = $clog2(DEPTH);

	(* ram_style = "distributed" *) logic marks_ring [DEPTH];
	logic [BITS - 1:0] newest, oldest;  // where the next mark goes, and where the next one is
	logic [BITS:0] count;
	logic push, pop;

	assign irdy = !count[BITS];
	assign ovld = count != '0;
	assign omark = marks_ring[oldest];
	assign push = ivld && irdy;
	assign pop = ovld && ordy;

	always_ff @(posedge clk) begin
		if (rst) begin
			newest <= '0;
			oldest <= '0;
			count <= '0;
		end else begin
			newest <= newest + BITS'(push);
			oldest <= oldest + BITS'(pop);
			if (push != pop) count <= push ? count + 1'b1 : count - 1'b1;
		end
	end
	always_ff @(posedge clk) begin
		if (push) marks_ring[newest] <= imark;
	end
endmodule
