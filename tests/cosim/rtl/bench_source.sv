// SPDX-License-Identifier: Apache-2.0
//
// Offers the words of a file, with random pauses; a word stays until it is taken.
module bench_source #(
	parameter int unsigned WIDTH = 8,
	parameter int unsigned WORDS = 1,
	parameter FILE = ""
) (
	input  logic clk,
	input  logic rst,
	input  int unsigned pause,  // percent of cycles

	output logic [WIDTH - 1:0] tdata,
	output logic tvalid,
	input  logic tready,

	output logic moves
);
	logic [WIDTH - 1:0] words [WORDS];
	initial $readmemh(FILE, words);

	int unsigned at, next;
	assign moves = tvalid && tready;
	assign next = at + 32'(moves);

	always_ff @(posedge clk) begin
		if (rst) begin
			at <= 0;
			tvalid <= 1'b0;
		end else begin
			at <= next;
			if (moves || !tvalid) begin
				tvalid <= next < WORDS && $urandom_range(99) >= pause;
				if (next < WORDS) tdata <= words[next];
			end
		end
	end
endmodule
