// SPDX-License-Identifier: Apache-2.0
//
// Pixel padding: zeros between the pixels of a feature map, the first half of a deconvolution.
//
//   out[h * STRIDE_H][w * STRIDE_W][c] = in[h][w][c], 0 between
//
// Folding: FOLDS words per pixel. Initiation interval 1 at the output.
module pixel_padding #(
	parameter int unsigned WIDTH = 8,     // bits of a word
	parameter int unsigned ROWS = 1,      // of the input
	parameter int unsigned COLUMNS = 1,   // of the input
	parameter int unsigned FOLDS = 1,     // words per pixel
	parameter int unsigned STRIDE_H = 2,  // distance of the pixels in the output
	parameter int unsigned STRIDE_W = 2
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
	if (ROWS == 0 || COLUMNS == 0 || FOLDS == 0) begin : gen_check_rows
		$error("ROWS, COLUMNS and FOLDS are at least 1");
	end
	if (STRIDE_H == 0 || STRIDE_W == 0) begin : gen_check_stride_h
		$error("STRIDE_H and STRIDE_W are at least 1");
	end

	localparam int unsigned OUT_ROWS = (ROWS - 1) * STRIDE_H + 1;
	localparam int unsigned OUT_COLUMNS = (COLUMNS - 1) * STRIDE_W + 1;
	localparam int unsigned GAP_H_BITS = STRIDE_H > 1 ? $clog2(STRIDE_H) : 1;
	localparam int unsigned GAP_W_BITS = STRIDE_W > 1 ? $clog2(STRIDE_W) : 1;

	logic ready, step, from_input;
	assign step = ready && (ivld || !from_input);
	assign irdy = ready && from_input;

	logic last_fold, last_column, last_row;
	logic [GAP_H_BITS - 1:0] gap_h;  // rows and columns of zeros still to come
	logic [GAP_W_BITS - 1:0] gap_w;
	assign from_input = gap_h == '0 && gap_w == '0;
	// verilator lint_off PINCONNECTEMPTY
	wrap_counter #(.PERIOD(FOLDS)) folds (.clk, .rst, .step, .last(last_fold), .count());
	wrap_counter #(.PERIOD(OUT_COLUMNS)) columns (
		.clk, .rst, .step(step && last_fold), .last(last_column), .count()
	);
	wrap_counter #(.PERIOD(OUT_ROWS)) rows (
		.clk, .rst, .step(step && last_fold && last_column), .last(last_row), .count()
	);
	// verilator lint_on PINCONNECTEMPTY

	always_ff @(posedge clk) begin
		if (rst) begin
			gap_h <= '0;
			gap_w <= '0;
		end else if (step && last_fold) begin
			if (last_column || gap_w != '0) gap_w <= last_column ? '0 : gap_w - 1'b1;
			else gap_w <= GAP_W_BITS'(STRIDE_W - 1);
			if (last_column) begin
				if (last_row || gap_h != '0) gap_h <= last_row ? '0 : gap_h - 1'b1;
				else gap_h <= GAP_H_BITS'(STRIDE_H - 1);
			end
		end
	end

	skid_buffer #(.WIDTH(WIDTH)) out_buffer (
		.clk, .rst, .idat(from_input ? idat : '0), .ivld(ivld || !from_input), .irdy(ready),
		.odat, .ovld, .ordy
	);
endmodule
