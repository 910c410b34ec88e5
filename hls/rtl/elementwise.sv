// SPDX-License-Identifier: Apache-2.0
//
// Elementwise operation between two streams, or between a stream and a constant that repeats.
//
//   out[e] = a[e] OP b[e]      OP: "ADD", "SUB" (a - b), "RSB" (b - a), "MUL", "MAX"
//
// a is input 0; b is input 1, or words in ROM if PERIOD > 0. Folding: PE elements per word.
// Memory layout: CONSTANTS has PERIOD words of PE elements. Initiation interval 1.
module elementwise #(
	parameter logic [23:0] OP = "ADD",
	parameter int unsigned PE = 1,
	parameter int unsigned A_BITS = 8,    // bits of an element of a
	parameter bit A_SIGNED = 1'b0,
	parameter int unsigned B_BITS = 8,    // bits of an element of b
	parameter bit B_SIGNED = 1'b0,
	parameter int unsigned OUT_BITS = 9,  // bits of a result
	parameter int unsigned PERIOD = 0,    // words of the constant; 0: b is a stream
	parameter CONSTANTS = "",             // file for $readmemh

	localparam int unsigned INPUTS = PERIOD == 0 ? 2 : 1,
	localparam int unsigned IN_WIDTH = PE * (PERIOD == 0 ? A_BITS + B_BITS : A_BITS)
) (
	input  logic clk,
	input  logic rst,

	input  logic [IN_WIDTH - 1:0] idat,
	input  logic [INPUTS - 1:0] ivld,
	output logic [INPUTS - 1:0] irdy,

	output logic [PE * OUT_BITS - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	if (PE == 0) begin : gen_check_pe
		$error("PE is at least 1");
	end

	// The operands side by side; the pipeline advances, or waits for the buffer at its end.
	logic advance, all_valid, valid;
	logic [PE * A_BITS - 1:0] a_word;
	logic [PE * B_BITS - 1:0] b_word;
	assign all_valid = &ivld;
	assign irdy = {INPUTS{advance && all_valid}};
	always_ff @(posedge clk) begin
		if (rst) valid <= 1'b0;
		else if (advance) valid <= all_valid;
		if (advance) a_word <= idat[PE * A_BITS - 1:0];
	end
	if (PERIOD == 0) begin : gen_stream
		always_ff @(posedge clk) if (advance) b_word <= idat[PE * A_BITS +: PE * B_BITS];
	end else begin : gen_constants
		logic [(PERIOD > 1 ? $clog2(PERIOD) : 1) - 1:0] address;
		logic unused_last;
		wrap_counter #(.PERIOD(PERIOD)) counter (
			.clk, .rst, .step(advance && all_valid), .count(address), .last(unused_last)
		);
		rom #(.WIDTH(PE * B_BITS), .DEPTH(PERIOD), .FILE(CONSTANTS)) constants (
			.clk, .enable(advance), .address, .q(b_word)
		);
	end

	// Sums and products are exact modulo 2^OUT_BITS; a comparison needs the operands whole.
	localparam int unsigned COMMON_BITS = 1 + (A_BITS > B_BITS ? A_BITS : B_BITS);
	logic [PE * OUT_BITS - 1:0] results;
	for (genvar p = 0; p < PE; p++) begin : gen_element
		logic signed [A_BITS:0] a;
		logic signed [B_BITS:0] b;
		logic [OUT_BITS - 1:0] result;
		assign a = {A_SIGNED & a_word[(p + 1) * A_BITS - 1], a_word[p * A_BITS +: A_BITS]};
		assign b = {B_SIGNED & b_word[(p + 1) * B_BITS - 1], b_word[p * B_BITS +: B_BITS]};
		case (OP)
			"ADD": begin : gen_add
				assign result = OUT_BITS'(a) + OUT_BITS'(b);
			end
			"SUB": begin : gen_sub
				assign result = OUT_BITS'(a) - OUT_BITS'(b);
			end
			"RSB": begin : gen_rsb
				assign result = OUT_BITS'(b) - OUT_BITS'(a);
			end
			"MUL": begin : gen_mul
				assign result = OUT_BITS'(a) * OUT_BITS'(b);
			end
			"MAX": begin : gen_max
				assign result = COMMON_BITS'(a) > COMMON_BITS'(b) ? OUT_BITS'(a) : OUT_BITS'(b);
			end
			default: begin : gen_check_op
				$error("OP is ADD, SUB, RSB, MUL or MAX");
			end
		endcase
		assign results[p * OUT_BITS +: OUT_BITS] = result;
	end

	skid_buffer #(.WIDTH(PE * OUT_BITS)) out_buffer (
		.clk, .rst, .idat(results), .ivld(valid), .irdy(advance), .odat, .ovld, .ordy
	);
endmodule
