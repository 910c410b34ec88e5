// SPDX-License-Identifier: Apache-2.0
//
// From the accelerator to memory: stream words become beats of a DMA, with TLAST.
//
//   element e of frame f in memory = word e / LANES, lane e % LANES, extended to CONTAINER bits
//
// A frame starts at a new beat; what is left of its last beat is zero. That beat waits for the
// frame's `mark`, which says whether it ends the transfer and so gets TLAST.
module dma_egress #(
	parameter int unsigned BEAT = 64,      // bits of a beat
	parameter int unsigned CONTAINER = 8,  // bits of an element in memory; divides BEAT
	parameter int unsigned BITS = 8,       // of an element in the accelerator
	parameter bit SIGNED = 1,              // whether elements are extended by their sign
	parameter int unsigned LANES = 1,      // elements of a word
	parameter int unsigned ELEMENTS = 8    // of a frame
) (
	input  logic clk,
	input  logic rst,

	input  logic [LANES * BITS - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	input  logic mark,
	input  logic mark_vld,
	output logic mark_rdy,

	output logic [BEAT - 1:0] odat,
	output logic olast,
	output logic ovld,
	input  logic ordy
);
	localparam int unsigned PER_BEAT = BEAT / CONTAINER;
	localparam int unsigned BEATS = (ELEMENTS + PER_BEAT - 1) / PER_BEAT;  // of a frame

	if (BEAT % CONTAINER != 0) begin : gen_check_container
		$error("CONTAINER must divide BEAT");
	end
	if (BITS > CONTAINER) begin : gen_check_bits
		$error("BITS is at most CONTAINER");
	end
	if (ELEMENTS % LANES != 0) begin : gen_check_lanes
		$error("LANES must divide ELEMENTS");
	end

	logic [PER_BEAT * BITS - 1:0] elements;
	logic gives;  // the converter has a beat
	logic takes;  // the register behind it takes one
	if (ELEMENTS == LANES && LANES <= PER_BEAT) begin : gen_wire  // a frame is one word of one beat
		assign elements = (PER_BEAT * BITS)'(idat);
		assign gives = ivld;
		assign irdy = takes;
	end else begin : gen_converter
		vpc #(.W(BITS), .N(ELEMENTS), .PI(LANES), .PO(PER_BEAT)) converter (
			.clk, .rst, .idat, .ivld, .irdy, .odat(elements), .ovld(gives), .ordy(takes)
		);
	end

	logic [BEAT - 1:0] extended;
	for (genvar i = 0; i < PER_BEAT; i++) begin : gen_extend
		assign extended[i * CONTAINER +: BITS] = elements[i * BITS +: BITS];
		if (BITS < CONTAINER) begin : gen_fill
			assign extended[i * CONTAINER + BITS +: CONTAINER - BITS] =
				{(CONTAINER - BITS){SIGNED && elements[i * BITS + BITS - 1]}};
		end
	end

	logic final_beat;  // of its frame
	logic [(BEATS > 1 ? $clog2(BEATS) : 1) - 1:0] unused_count;
	wrap_counter #(.PERIOD(BEATS)) beats (
		.clk, .rst, .step(gives && takes), .count(unused_count), .last(final_beat)
	);

	// It is here that a frame's last beat waits for the mark: the accelerator is rid of it, and so
	// can take what is left of the frame's input.
	logic ends;   // the beat in the register is its frame's last
	logic holds;  // the register has a beat
	logic may;    // its mark is there
	skid_buffer #(.WIDTH(BEAT + 1)) register (
		.clk, .rst, .idat({final_beat, extended}), .ivld(gives), .irdy(takes),
		.odat({ends, odat}), .ovld(holds), .ordy(ordy && may)
	);
	assign may = !ends || mark_vld;
	assign ovld = holds && may;
	assign olast = ends && mark;
	assign mark_rdy = holds && ends && ordy;
endmodule
