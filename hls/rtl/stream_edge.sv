// SPDX-License-Identifier: Apache-2.0
//
// What lies between two kernels: a FIFO, and a width converter where their words differ.
//
//   bits out = bits in, first in first out, element 0 in the low bits of a word
//
// The FIFO stands on the side of the wider words. Behind a converter to wider words it lets a reader
// take them in bursts, as a matrix-vector unit does for each pixel; before a converter to narrower
// words it lets a writer hand them over in bursts, and finn-rtllib's matrix-vector unit, which once
// blocked empties its whole pipeline, is not blocked by each of them. Both sides stay aligned: the
// converters start anew every lcm(IWIDTH, OWIDTH) bits, which divide the bits of a frame.
//
// Built on finn-rtllib's fifo and vpc. With FINN_SIMULATION defined the FIFO is finn-rtllib's
// fifo_gauge, which is never full and tells how full it was; with HWSUBNET_MONITOR defined the edge
// counts what passes and who waits, and reports it to the simulation when it ends.
module stream_edge #(
	parameter int unsigned IWIDTH = 8,  // payload bits of a word that enters
	parameter int unsigned OWIDTH = 8,  // payload bits of a word that leaves
	parameter int unsigned DEPTH = 2,   // words that fit, of the wider side; 0: no FIFO
	parameter RAM_STYLE = "auto",       // of the FIFO: auto, shift, distributed, block, ultra
	parameter int unsigned ID = 0       // number under which the monitor reports
) (
	input  logic ap_clk,
	input  logic ap_rst_n,

	input  logic [(IWIDTH + 7) / 8 * 8 - 1:0] s_axis_tdata,
	input  logic s_axis_tvalid,
	output logic s_axis_tready,

	output logic [(OWIDTH + 7) / 8 * 8 - 1:0] m_axis_tdata,
	output logic m_axis_tvalid,
	input  logic m_axis_tready
);
	function automatic int unsigned gcd(input int unsigned a, input int unsigned b);
		return b == 0 ? a : gcd(b, a % b);
	endfunction

	if (IWIDTH == 0 || OWIDTH == 0) begin : gen_check_width
		$error("IWIDTH and OWIDTH are at least 1");
	end
	if (DEPTH == 1) begin : gen_check_depth
		$error("DEPTH is 0 or at least 2");
	end

	localparam int unsigned WIDTH = IWIDTH > OWIDTH ? IWIDTH : OWIDTH;
	localparam int unsigned LCM = IWIDTH / gcd(IWIDTH, OWIDTH) * OWIDTH;

	// FIFO's own ports.
	logic [WIDTH - 1:0] idat, odat;
	logic ivld, irdy, ovld, ordy;

	// One of the two is a wire, or both.
	vpc #(.W(1), .N(LCM), .PI(IWIDTH), .PO(WIDTH)) widen (
		.clk(ap_clk), .rst(!ap_rst_n),
		.idat(s_axis_tdata[IWIDTH - 1:0]), .ivld(s_axis_tvalid), .irdy(s_axis_tready),
		.odat(idat), .ovld(ivld), .ordy(irdy)
	);
	vpc #(.W(1), .N(LCM), .PI(WIDTH), .PO(OWIDTH)) narrow (
		.clk(ap_clk), .rst(!ap_rst_n),
		.idat(odat), .ivld(ovld), .irdy(ordy),
		.odat(m_axis_tdata[OWIDTH - 1:0]), .ovld(m_axis_tvalid), .ordy(m_axis_tready)
	);

	if ($bits(m_axis_tdata) > OWIDTH) begin : gen_pad
		assign m_axis_tdata[$bits(m_axis_tdata) - 1:OWIDTH] = '0;
	end
	if ($bits(s_axis_tdata) > IWIDTH) begin : gen_unused
		logic unused_padding;
		assign unused_padding = &{1'b0, s_axis_tdata[$bits(s_axis_tdata) - 1:IWIDTH]};
	end

	logic [31:0] fullest;  // most words that the FIFO held at once
`ifdef FINN_SIMULATION
	logic [31:0] unused_count;
	fifo_gauge #(.WIDTH(WIDTH)) gauge (
		.clk(ap_clk), .rst(!ap_rst_n),
		.idat, .ivld, .irdy, .odat, .ovld, .ordy,
		.count(unused_count), .maxcount(fullest)
	);
`else
	if (DEPTH == 0) begin : gen_wire
		assign odat = idat;
		assign ovld = ivld;
		assign irdy = ordy;
		assign fullest = '0;
	end else begin : gen_fifo
		logic [$clog2(DEPTH + 1):0] unused_count, maxcount;
		fifo #(.DEPTH(DEPTH), .DATA_WIDTH(WIDTH), .RAM_STYLE(RAM_STYLE)) queue (
			.clk(ap_clk), .rst(!ap_rst_n),
			.idat, .ivld, .irdy, .odat, .ovld, .ordy,
			.count(unused_count), .maxcount
		);
		assign fullest = 32'(maxcount);
	end
`endif

`ifdef HWSUBNET_MONITOR
	import "DPI-C" function void hwsubnet_edge(
		input int id, input longint words, input longint blocked, input longint starved,
		input int fullest, input bit full, input bit empty
	);
	longint words;    // that left
	longint blocked;  // cycles in which a word could not enter
	longint starved;  // cycles in which the reader was ready for a word that was not there
	always_ff @(posedge ap_clk) begin
		if (!ap_rst_n) begin
			words <= 0;
			blocked <= 0;
			starved <= 0;
		end else begin
			if (m_axis_tvalid && m_axis_tready) words <= words + 1;
			if (s_axis_tvalid && !s_axis_tready) blocked <= blocked + 1;
			if (!m_axis_tvalid && m_axis_tready) starved <= starved + 1;
		end
	end
	final begin
		hwsubnet_edge(
			ID, words, blocked, starved, fullest, s_axis_tvalid && !s_axis_tready, !m_axis_tvalid
		);
	end
`else
	logic unused_without_monitor;
	assign unused_without_monitor = &{1'b0, fullest, ID, ap_clk, ap_rst_n};
`endif

endmodule
