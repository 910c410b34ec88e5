// SPDX-License-Identifier: Apache-2.0
//
// Replay buffer: every sequence of LENGTH words leaves REPEAT times.
//
//   out[s][r][i] = in[s][i]   for r < REPEAT, i < LENGTH
//
// Memory layout: a ring of LENGTH words, rounded up to a power of two and to at least the 32 words
// that a LUT RAM holds anyway. A word is freed when it leaves for the last time, so that the next
// sequence comes in while the present one leaves. Initiation interval 1 at the output.
module stream_replay #(
	parameter int unsigned WIDTH = 8,   // bits of a word
	parameter int unsigned LENGTH = 1,  // words of a sequence
	parameter int unsigned REPEAT = 1   // times that a sequence leaves
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
	if (WIDTH == 0 || LENGTH == 0 || REPEAT == 0) begin : gen_check_width
		$error("WIDTH, LENGTH and REPEAT are at least 1");
	end

	if (REPEAT == 1) begin : gen_wire
		assign odat = idat;
		assign ovld = ivld;
		assign irdy = ordy;
		logic unused;
		assign unused = &{1'b0, clk, rst};
	end else begin : gen_buffer
		localparam int unsigned BITS = LENGTH > 32 ? $clog2(LENGTH) : 5;

		logic [WIDTH - 1:0] words [2 ** BITS];
		logic [BITS - 1:0] write_address;
		logic [BITS - 1:0] read_address;
		logic [BITS - 1:0] start_address;  // of the sequence that is being read
		logic [BITS:0] held;               // words that still have to leave at least once
		logic [BITS:0] fresh;              // words that have not left yet

		logic write, read, first, last_word, last_time;
		assign irdy = !held[BITS];
		assign write = ivld && irdy;
		assign read = (!first || fresh != '0) && (ordy || !ovld);

		wrap_counter #(.PERIOD(LENGTH)) word (
			.clk, .rst, .step(read), .last(last_word),
			// verilator lint_off PINCONNECTEMPTY
			.count()
			// verilator lint_on PINCONNECTEMPTY
		);
		logic [$clog2(REPEAT) - 1:0] pass;
		wrap_counter #(.PERIOD(REPEAT)) repetition (
			.clk, .rst, .step(read && last_word), .last(last_time), .count(pass)
		);
		assign first = pass == '0;

		always_ff @(posedge clk) begin
			if (rst) begin
				write_address <= '0;
				read_address <= '0;
				start_address <= '0;
				held <= '0;
				fresh <= '0;
				ovld <= 1'b0;
			end else begin
				write_address <= write_address + BITS'(write);
				held <= held + (BITS + 1)'(write) - (BITS + 1)'(read && last_time);
				fresh <= fresh + (BITS + 1)'(write) - (BITS + 1)'(read && first);
				if (read) begin
					read_address <= last_word && !last_time ? start_address : read_address + 1'b1;
					if (last_word && last_time) start_address <= read_address + 1'b1;
				end
				if (ordy || !ovld) ovld <= read;
			end
		end

		always_ff @(posedge clk) begin
			if (write) words[write_address] <= idat;
			if (read) odat <= words[read_address];
		end
	end
endmodule
