// SPDX-License-Identifier: Apache-2.0
//
// Pooling over depthwise sliding windows.
//
//   out[c] = max over k of  in[c][k]                     POOL = "MAX"
//   out[c] = (sum over k of  in[c][k]) >> SHIFT          POOL = "SUM"
//
// for k < K. Folding: PE divides the channels; words come channel fold by channel fold, K words
// each. Initiation interval 1: one result for K words.
module pool #(
	parameter POOL = "MAX",
	parameter int unsigned K = 4,         // positions of a window
	parameter int unsigned PE = 1,        // channels per word
	parameter int unsigned IN_BITS = 8,   // bits of an element
	parameter bit SIGNED = 1'b0,          // elements are two's complement
	parameter int unsigned ACC_BITS = 8,  // bits of the largest element or the sum
	parameter int unsigned SHIFT = 0,     // low bits of the sum that are dropped
	parameter int unsigned OUT_BITS = 8   // bits of a result
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
	if (POOL != "MAX" && POOL != "SUM") begin : gen_check_pool
		$error("POOL is MAX or SUM");
	end
	if (K == 0 || PE == 0) begin : gen_check_k
		$error("K and PE are at least 1");
	end
	if (ACC_BITS < IN_BITS) begin : gen_check_acc_bits
		$error("ACC_BITS is at least IN_BITS");
	end
	if (POOL == "MAX" && SHIFT != 0) begin : gen_check_pool_2
		$error("SHIFT is for sums");
	end

	localparam int unsigned COUNT_BITS = K > 1 ? $clog2(K) : 1;
	logic ready, last;
	logic [COUNT_BITS - 1:0] position;
	assign irdy = ready || !last;
	wrap_counter #(.PERIOD(K)) positions (
		.clk, .rst, .step(ivld && irdy), .count(position), .last
	);

	logic [PE * OUT_BITS - 1:0] results;
	for (genvar p = 0; p < PE; p++) begin : gen_element
		logic [IN_BITS - 1:0] element;
		// One bit more, so that unsigned numbers compare as signed ones.
		logic signed [ACC_BITS:0] x, so_far, reduced;
		assign element = idat[p * IN_BITS +: IN_BITS];
		assign x = (ACC_BITS + 1)'($signed({SIGNED & element[IN_BITS - 1], element}));
		if (POOL == "MAX") begin : gen_max
			assign reduced = position == '0 || x > so_far ? x : so_far;
		end else begin : gen_sum
			assign reduced = position == '0 ? x : so_far + x;
		end
		always_ff @(posedge clk) if (ivld && irdy) so_far <= reduced;
		assign results[p * OUT_BITS +: OUT_BITS] = OUT_BITS'(reduced >>> SHIFT);
	end

	skid_buffer #(.WIDTH(PE * OUT_BITS)) out_buffer (
		.clk, .rst, .idat(results), .ivld(ivld && last), .irdy(ready), .odat, .ovld, .ordy
	);
endmodule
