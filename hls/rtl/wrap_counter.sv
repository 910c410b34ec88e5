// SPDX-License-Identifier: Apache-2.0
//
// Counter: 0, 1, ... PERIOD - 1, 0, ..., one further in each cycle with `step`.
module wrap_counter #(
	parameter int unsigned PERIOD = 2,

	localparam int unsigned BITS = PERIOD > 1 ? $clog2(PERIOD) : 1
) (
	input  logic clk,
	input  logic rst,
	input  logic step,
	output logic [BITS - 1:0] count,
	output logic last  // count = PERIOD - 1
);
	if (PERIOD == 0) begin : gen_check_period
		$error("PERIOD is at least 1");
	end

	if (PERIOD <= 1) begin : gen_constant
		assign count = '0;
		assign last = 1'b1;
		logic unused;
		assign unused = &{1'b0, clk, rst, step};
	end else begin : gen_count
		assign last = count == BITS'(PERIOD - 1);
		always_ff @(posedge clk) begin
			if (rst) count <= '0;
			else if (step) count <= last ? '0 : count + 1'b1;
		end
	end
endmodule
