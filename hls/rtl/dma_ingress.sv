// SPDX-License-Identifier: Apache-2.0
//
// From memory to the accelerator: beats of a DMA become stream words.
//
//   word lane l of frame f = low BITS bits of element f, w * LANES + l
//
// In memory an element fills CONTAINER bits, little-endian, and a frame starts at a new beat; what is
// left of its last beat is not read. Of each frame `mark` says whether its last beat had TLAST, that
// is, whether it ends the transfer; a frame's last beat waits until the mark is taken.
module dma_ingress #(
	parameter int unsigned BEAT = 64,      // bits of a beat
	parameter int unsigned CONTAINER = 8,  // bits of an element in memory; divides BEAT
	parameter int unsigned BITS = 8,       // of an element in the accelerator
	parameter int unsigned LANES = 1,      // elements of a word
	parameter int unsigned ELEMENTS = 8    // of a frame
) (
	input  logic clk,
	input  logic rst,

	input  logic [BEAT - 1:0] idat,
	input  logic ilast,
	input  logic ivld,
	output logic irdy,

	output logic mark,
	output logic mark_vld,
	input  logic mark_rdy,

	output logic [LANES * BITS - 1:0] odat,
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
	for (genvar i = 0; i < PER_BEAT; i++) begin : gen_strip
		assign elements[i * BITS +: BITS] = idat[i * CONTAINER +: BITS];
		if (BITS < CONTAINER) begin : gen_unused
			logic unused_padding;
			assign unused_padding = &{1'b0, idat[i * CONTAINER + BITS +: CONTAINER - BITS]};
		end
	end

	logic ends;  // this beat is its frame's last
	logic may;   // its mark can be taken
	logic takes;
	logic [(BEATS > 1 ? $clog2(BEATS) : 1) - 1:0] unused_count;
	wrap_counter #(.PERIOD(BEATS)) beats (
		.clk, .rst, .step(ivld && irdy), .count(unused_count), .last(ends)
	);
	assign may = !ends || mark_rdy;
	assign irdy = takes && may;
	assign mark = ilast;
	assign mark_vld = ivld && takes && ends;

	logic [LANES * BITS - 1:0] word;
	logic gives;   // the converter has a word
	logic stores;  // the register behind it takes one
	if (ELEMENTS == LANES && LANES <= PER_BEAT) begin : gen_wire  // a frame is one word of one beat
		assign word = elements[LANES * BITS - 1:0];
		assign gives = ivld && may;
		assign takes = stores;
		if (LANES < PER_BEAT) begin : gen_unused
			logic unused_lanes;
			assign unused_lanes = &{1'b0, elements[PER_BEAT * BITS - 1:LANES * BITS]};
		end
	end else begin : gen_converter
		vpc #(.W(BITS), .N(ELEMENTS), .PI(PER_BEAT), .PO(LANES)) converter (
			.clk, .rst, .idat(elements), .ivld(ivld && may), .irdy(takes),
			.odat(word), .ovld(gives), .ordy(stores)
		);
	end

	// A frame's only beat is taken, and so marked, before the accelerator takes its word: an
	// accelerator that holds no word would else wait for itself.
	skid_buffer #(.WIDTH(LANES * BITS)) register (
		.clk, .rst, .idat(word), .ivld(gives), .irdy(stores), .odat, .ovld, .ordy
	);
endmodule
