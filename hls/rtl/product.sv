// SPDX-License-Identifier: Apache-2.0
//
// Product of an input and a weight, exact, by how they are encoded.
//
//   product = x * w
//
// A bipolar factor makes it the other factor or its negative. A few bits by a few bits, up to 16
// partial bits, are added up in LUTs; beyond that a DSP is the cheaper multiplier.
module product #(
	parameter int unsigned X_BITS = 4,
	parameter bit X_SIGNED = 1'b0,
	parameter bit X_BIPOLAR = 1'b0,  // code 0 is -1, code 1 is +1
	parameter int unsigned W_BITS = 4,
	parameter bit W_SIGNED = 1'b1,
	parameter bit W_BIPOLAR = 1'b0,

	localparam int unsigned BITS = X_BITS + W_BITS + 1
) (
	input  logic [X_BITS - 1:0] x,
	input  logic [W_BITS - 1:0] w,
	output logic signed [BITS - 1:0] result
);
	if (X_BIPOLAR && W_BIPOLAR) begin : gen_check_x_bipolar
		$error("two bipolar factors are counted, not multiplied");
	end
	if ((X_BIPOLAR && X_BITS != 1) || (W_BIPOLAR && W_BITS != 1)) begin : gen_check_x_bits
		$error("a bipolar factor has one bit");
	end

	// The narrow factor chooses multiples of the wide one.
	localparam bit X_NARROW = X_BIPOLAR || (!W_BIPOLAR && X_BITS < W_BITS);
	localparam int unsigned WIDE_BITS = X_NARROW ? W_BITS : X_BITS;
	localparam int unsigned NARROW_BITS = X_NARROW ? X_BITS : W_BITS;
	localparam bit WIDE_SIGNED = X_NARROW ? W_SIGNED : X_SIGNED;
	localparam bit NARROW_SIGNED = X_NARROW ? X_SIGNED : W_SIGNED;

	logic [WIDE_BITS - 1:0] wide_code;
	logic [NARROW_BITS - 1:0] narrow;
	logic signed [BITS - 1:0] wide;
	if (X_NARROW) begin : gen_x_narrow
		assign wide_code = w;
		assign narrow = x;
	end else begin : gen_w_narrow
		assign wide_code = x;
		assign narrow = w;
	end
	assign wide = BITS'($signed({WIDE_SIGNED & wide_code[WIDE_BITS - 1], wide_code}));

	if (X_BIPOLAR || W_BIPOLAR) begin : gen_sign
		assign result = narrow[0] ? wide : -wide;
	end else if (X_BITS * W_BITS <= 16) begin : gen_luts
		always_comb begin
			result = '0;
			for (int i = 0; i < int'(NARROW_BITS); i++) begin
				if (NARROW_SIGNED && i == int'(NARROW_BITS) - 1)
					result = result - ((wide <<< i) & {BITS{narrow[i]}});
				else
					result = result + ((wide <<< i) & {BITS{narrow[i]}});
			end
		end
	end else begin : gen_multiplier
		assign result =
			wide * BITS'($signed({NARROW_SIGNED & narrow[NARROW_BITS - 1], narrow}));
	end
endmodule
