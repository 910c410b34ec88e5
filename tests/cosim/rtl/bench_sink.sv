// SPDX-License-Identifier: Apache-2.0
//
// Takes words, with random pauses, and compares them with those of a file. Reports its name, how many
// words came of how many, how many were wrong, superfluous, or changed before they were taken, and
// in which cycles the first and the last frame ended.
module bench_sink #(
	parameter int unsigned WIDTH = 8,
	parameter int unsigned WORDS = 1,
	parameter int unsigned FRAMES = 1,
	parameter FILE = "",
	parameter NAME = ""
) (
	input  logic clk,
	input  logic rst,
	input  int unsigned pause,  // percent of cycles
	input  int unsigned cycle,

	input  logic [WIDTH - 1:0] tdata,
	input  logic tvalid,
	output logic tready,

	output logic moves
);
	logic [WIDTH - 1:0] words [WORDS];
	initial $readmemh(FILE, words);

	int unsigned at, errors, first_end, last_end;
	logic held;  // in the last cycle a word was offered and not taken
	logic [WIDTH - 1:0] previous;
	assign moves = tvalid && tready;

	always_ff @(posedge clk) begin
		if (rst) begin
			at <= 0;
			errors <= 0;
			held <= 1'b0;
			tready <= 1'b0;
		end else begin
			tready <= $urandom_range(99) >= pause;
			held <= tvalid && !tready;
			previous <= tdata;
			if (moves) begin
				at <= at + 1;
				if (at + 1 == WORDS / FRAMES) first_end <= cycle;
				if (at + 1 == WORDS) last_end <= cycle;
			end
			if ((held && (!tvalid || tdata != previous)) || (moves && (at >= WORDS || tdata != words[at])))
				errors <= errors + 1;
		end
	end

	final $display("sink %s %0d %0d %0d %0d %0d", NAME, at, WORDS, errors, first_end, last_end);
endmodule
