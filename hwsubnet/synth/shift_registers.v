// SPDX-License-Identifier: Apache-2.0
//
// Lets Yosys see queues that are shift registers with a variable tap, as Vivado does.
//
//   Y = A[S], element S of 2**S_WIDTH elements of WIDTH bits
//
// The slang front end reads `queue[pointer]`, element 0 the newest, as a $bmux whose element 0 is
// the oldest, selected by the inverted pointer. `xilinx_srl -variable` looks for one $shiftx per bit
// whose element 0 is the newest. So: one $shiftx per bit, elements reversed, select inverted (twice
// is not at all). What is no shift register becomes the same multiplexer either way.
module \$bmux (A, S, Y);
	parameter WIDTH = 1;
	parameter S_WIDTH = 1;

	localparam ELEMENTS = 2 ** S_WIDTH;

	input [ELEMENTS * WIDTH - 1:0] A;
	input [S_WIDTH - 1:0] S;
	output [WIDTH - 1:0] Y;

	genvar bit, element;
	generate
		for (bit = 0; bit < WIDTH; bit = bit + 1) begin : bits
			wire [ELEMENTS - 1:0] column;
			for (element = 0; element < ELEMENTS; element = element + 1) begin : elements
				assign column[element] = A[(ELEMENTS - 1 - element) * WIDTH + bit];
			end
			assign Y[bit] = column[~S];
		end
	endgenerate
endmodule
