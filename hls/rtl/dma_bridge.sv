// SPDX-License-Identifier: Apache-2.0
//
// All that lies between an AXI DMA and an accelerator: both ways' width converters, and the marks
// that carry the end of a transfer from its input around the accelerator to its output.
//
// A transfer holds whole frames; its output has as many, and TLAST on the last beat. Beats are always
// full (TKEEP all ones): frames are padded to whole beats in memory.
module dma_bridge #(
	parameter int unsigned BEAT = 64,         // bits of a beat, both ways
	parameter int unsigned IN_CONTAINER = 8,  // bits of an input element in memory
	parameter int unsigned IN_BITS = 8,       // and in the accelerator
	parameter int unsigned IN_LANES = 1,      // elements of an input word
	parameter int unsigned IN_ELEMENTS = 8,   // of an input frame
	parameter int unsigned OUT_CONTAINER = 8,
	parameter int unsigned OUT_BITS = 8,
	parameter bit OUT_SIGNED = 1,
	parameter int unsigned OUT_LANES = 1,
	parameter int unsigned OUT_ELEMENTS = 8,
	parameter int unsigned FRAMES = 256       // that may be under way in the accelerator
) (
	input  logic aclk,
	input  logic aresetn,

	// From the DMA (MM2S).
	input  logic [BEAT - 1:0] s_axis_tdata,
	input  logic [BEAT / 8 - 1:0] s_axis_tkeep,
	input  logic s_axis_tlast,
	input  logic s_axis_tvalid,
	output logic s_axis_tready,

	// To the accelerator.
	output logic [(IN_LANES * IN_BITS + 7) / 8 * 8 - 1:0] input_tdata,
	output logic input_tvalid,
	input  logic input_tready,

	// From the accelerator.
	input  logic [(OUT_LANES * OUT_BITS + 7) / 8 * 8 - 1:0] output_tdata,
	input  logic output_tvalid,
	output logic output_tready,

	// To the DMA (S2MM).
	output logic [BEAT - 1:0] m_axis_tdata,
	output logic [BEAT / 8 - 1:0] m_axis_tkeep,
	output logic m_axis_tlast,
	output logic m_axis_tvalid,
	input  logic m_axis_tready
);
	localparam int unsigned IN_WIDTH = IN_LANES * IN_BITS;
	localparam int unsigned OUT_WIDTH = OUT_LANES * OUT_BITS;

	logic rst;
	assign rst = !aresetn;

	logic imark, imark_vld, imark_rdy, omark, omark_vld, omark_rdy;
	frame_marks #(.DEPTH(FRAMES)) marks (
		.clk(aclk), .rst,
		.imark, .ivld(imark_vld), .irdy(imark_rdy), .omark, .ovld(omark_vld), .ordy(omark_rdy)
	);

	dma_ingress #(
		.BEAT(BEAT), .CONTAINER(IN_CONTAINER), .BITS(IN_BITS),
		.LANES(IN_LANES), .ELEMENTS(IN_ELEMENTS)
	) ingress (
		.clk(aclk), .rst,
		.idat(s_axis_tdata), .ilast(s_axis_tlast), .ivld(s_axis_tvalid), .irdy(s_axis_tready),
		.mark(imark), .mark_vld(imark_vld), .mark_rdy(imark_rdy),
		.odat(input_tdata[IN_WIDTH - 1:0]), .ovld(input_tvalid), .ordy(input_tready)
	);
	if ($bits(input_tdata) > IN_WIDTH) begin : gen_pad
		assign input_tdata[$bits(input_tdata) - 1:IN_WIDTH] = '0;
	end

	dma_egress #(
		.BEAT(BEAT), .CONTAINER(OUT_CONTAINER), .BITS(OUT_BITS), .SIGNED(OUT_SIGNED),
		.LANES(OUT_LANES), .ELEMENTS(OUT_ELEMENTS)
	) egress (
		.clk(aclk), .rst,
		.idat(output_tdata[OUT_WIDTH - 1:0]), .ivld(output_tvalid), .irdy(output_tready),
		.mark(omark), .mark_vld(omark_vld), .mark_rdy(omark_rdy),
		.odat(m_axis_tdata), .olast(m_axis_tlast), .ovld(m_axis_tvalid), .ordy(m_axis_tready)
	);
	assign m_axis_tkeep = '1;

	logic unused_keep;  // the beats that come are full
	assign unused_keep = &{1'b0, s_axis_tkeep};
	if ($bits(output_tdata) > OUT_WIDTH) begin : gen_unused
		logic unused_padding;
		assign unused_padding = &{1'b0, output_tdata[$bits(output_tdata) - 1:OUT_WIDTH]};
	end
endmodule
