// SPDX-License-Identifier: Apache-2.0
//
// Multiply-accumulate array: PE dot products side by side, SIMD products each per clock cycle, with
// weights in ROM, and the staircase of a quantized activation where there is one.
//
//   acc[n] = sum over f < FOLDS, s < SIMD of  x(n, f)[s] * w[n][f * SIMD + s]
//   out[n] = acc[n], or BIAS + #{ t : acc[n] >= thresholds[n][t] } if STEPS > 0
//
// for n = g * PE + p, group g < GROUPS, p < PE. Where x and w are both bipolar, a product is 1 if
// their codes agree, else 0 (XNOR), and the sum is a popcount.
//
// Folding: words come group by group, FOLDS to a group; initiation interval 1, one result for FOLDS
// words. A word holds SIMD * VECTORS elements, that of lane s and vector v at s * VECTORS + v;
// processing element p reads vector p modulo VECTORS. So one vector feeds all PE (matrix-vector), or
// each PE has its own (depthwise).
//
// Memory layout: WEIGHTS has GROUPS * FOLDS words, word g * FOLDS + f with the weight of (p, s) at
// element p * SIMD + s. THRESHOLDS has GROUPS words, with threshold t of p at element p * STEPS + t.
module mac_array #(
	parameter int unsigned PE = 1,
	parameter int unsigned SIMD = 1,
	parameter int unsigned VECTORS = 1,      // 1 or PE
	parameter int unsigned FOLDS = 1,
	parameter int unsigned GROUPS = 1,
	parameter int unsigned IN_BITS = 1,      // bits of an element
	parameter bit IN_SIGNED = 1'b0,
	parameter bit IN_BIPOLAR = 1'b0,         // code 0 is -1, code 1 is +1
	parameter int unsigned WEIGHT_BITS = 1,
	parameter bit WEIGHT_SIGNED = 1'b0,
	parameter bit WEIGHT_BIPOLAR = 1'b0,
	parameter int unsigned ACC_BITS = 8,     // bits of the sum
	parameter bit ACC_SIGNED = 1'b1,
	parameter int unsigned STEPS = 0,        // thresholds of a channel; 0: the sums leave
	parameter int unsigned STEP_BITS = 1,    // bits of a threshold
	parameter bit STEP_SIGNED = 1'b1,
	parameter int BIAS = 0,                  // result below all thresholds
	parameter int unsigned OUT_BITS = 8,     // bits of a result
	parameter WEIGHTS = "",                  // file for $readmemh
	parameter THRESHOLDS = ""                // file for $readmemh
) (
	input  logic clk,
	input  logic rst,

	input  logic [SIMD * VECTORS * IN_BITS - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	output logic [PE * OUT_BITS - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	if (PE == 0 || SIMD == 0 || FOLDS == 0 || GROUPS == 0) begin : gen_check_pe
		$error("PE, SIMD, FOLDS and GROUPS are at least 1");
	end
	if (VECTORS != 1 && VECTORS != PE) begin : gen_check_vectors
		$error("VECTORS is 1 or PE");
	end
	if (STEPS == 0 && OUT_BITS < ACC_BITS) begin : gen_check_steps
		$error("OUT_BITS is at least ACC_BITS without thresholds");
	end

	// A product of two unsigned bits is a bit; every other one is two's complement.
	localparam bit COUNTS = IN_BITS == 1 && WEIGHT_BITS == 1 && !IN_SIGNED && !WEIGHT_SIGNED
		&& IN_BIPOLAR == WEIGHT_BIPOLAR;
	localparam int unsigned PRODUCT_BITS = COUNTS ? 1 : IN_BITS + WEIGHT_BITS + 1;
	localparam int unsigned PRODUCT_CYCLES = COUNTS ? 0 : 1;
	// Ones are first counted by full adders, three at a time.
	localparam int unsigned TERMS = COUNTS ? (SIMD + 2) / 3 : SIMD;
	localparam int unsigned TERM_BITS = COUNTS ? 2 : PRODUCT_BITS;
	localparam int unsigned SUM_BITS = TERM_BITS + $clog2(TERMS);
	localparam int unsigned SUM_CYCLES = PRODUCT_CYCLES + ($clog2(TERMS) + 1) / 2;

	// The whole pipeline advances, or waits for the buffer at its end.
	logic advance;
	assign irdy = advance;

	// Stage 1: the inputs beside their weights.
	localparam int unsigned ADDRESS_BITS = FOLDS * GROUPS > 1 ? $clog2(FOLDS * GROUPS) : 1;
	localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
	logic step;
	assign step = ivld && advance;
	logic [ADDRESS_BITS - 1:0] address;
	logic [FOLD_BITS - 1:0] fold;
	logic last_fold;
	wrap_counter #(.PERIOD(FOLDS)) folds (.clk, .rst, .step, .count(fold), .last(last_fold));
	wrap_counter #(.PERIOD(FOLDS * GROUPS)) addresses (
		.clk, .rst, .step, .count(address),
		// verilator lint_off PINCONNECTEMPTY
		.last()
		// verilator lint_on PINCONNECTEMPTY
	);

	logic [SIMD * VECTORS * IN_BITS - 1:0] inputs;
	logic [PE * SIMD * WEIGHT_BITS - 1:0] weights;
	always_ff @(posedge clk) if (advance) inputs <= idat;
	rom #(
		.WIDTH(PE * SIMD * WEIGHT_BITS), .DEPTH(FOLDS * GROUPS), .FILE(WEIGHTS)
	) weight_rom (.clk, .enable(advance), .address, .q(weights));

	logic valid, first, last;  // of the sums below
	pipeline_delay #(.WIDTH(3), .CYCLES(1 + SUM_CYCLES)) flags (
		.clk, .rst, .enable(advance), .d({ivld, fold == '0, last_fold}), .q({valid, first, last})
	);

	// Then the products, their sum over SIMD, and the sum over the folds.
	logic [PE * ACC_BITS - 1:0] accumulators;
	for (genvar p = 0; p < PE; p++) begin : gen_element
		logic [SIMD * PRODUCT_BITS - 1:0] products;
		logic [TERMS * TERM_BITS - 1:0] terms;
		logic [SUM_BITS - 1:0] sum;
		logic [ACC_BITS - 1:0] accumulator;

		for (genvar s = 0; s < SIMD; s++) begin : gen_product
			logic [IN_BITS - 1:0] x;
			logic [WEIGHT_BITS - 1:0] w;
			assign x = inputs[(s * VECTORS + p % VECTORS) * IN_BITS +: IN_BITS];
			assign w = weights[(p * SIMD + s) * WEIGHT_BITS +: WEIGHT_BITS];
			if (COUNTS) begin : gen_bit
				assign products[s] = IN_BIPOLAR ? x == w : |(x & w);
			end else begin : gen_number
				logic [PRODUCT_BITS - 1:0] xw;
				product #(
					.X_BITS(IN_BITS), .X_SIGNED(IN_SIGNED), .X_BIPOLAR(IN_BIPOLAR),
					.W_BITS(WEIGHT_BITS), .W_SIGNED(WEIGHT_SIGNED), .W_BIPOLAR(WEIGHT_BIPOLAR)
				) multiplier (.x, .w, .result(xw));
				always_ff @(posedge clk) begin
					if (advance) products[s * PRODUCT_BITS +: PRODUCT_BITS] <= xw;
				end
			end
		end

		if (COUNTS) begin : gen_count
			logic [3 * TERMS - 1:0] ones;
			assign ones = (3 * TERMS)'(products);
			for (genvar t = 0; t < TERMS; t++) begin : gen_full_adder
				logic a, b, c;
				assign {a, b, c} = ones[3 * t +: 3];
				assign terms[2 * t +: 2] = {(a & b) | (a & c) | (b & c), a ^ b ^ c};
			end
		end else begin : gen_terms
			assign terms = products;
		end

		adder_tree #(.N(TERMS), .WIDTH(TERM_BITS), .SIGNED(!COUNTS)) tree (
			.clk, .enable(advance), .operands(terms), .sum
		);

		// The weights may keep the sums narrower than the operands' types alone would.
		if (SUM_BITS > ACC_BITS) begin : gen_unused
			logic unused;
			assign unused = &{1'b0, sum[SUM_BITS - 1:ACC_BITS]};
		end
		always_ff @(posedge clk) begin
			if (advance && valid) begin
				accumulator <= (first ? '0 : accumulator)
					+ (COUNTS ? ACC_BITS'(sum) : ACC_BITS'($signed(sum)));
			end
		end
		assign accumulators[p * ACC_BITS +: ACC_BITS] = accumulator;
	end

	logic done;  // the accumulators hold complete sums
	always_ff @(posedge clk) begin
		if (rst) done <= 1'b0;
		else if (advance) done <= valid && last;
	end

	// Last, the activation.
	logic [PE * OUT_BITS - 1:0] results;
	logic results_valid;
	if (STEPS == 0) begin : gen_sums
		for (genvar p = 0; p < PE; p++) begin : gen_extend
			logic [ACC_BITS - 1:0] value;
			assign value = accumulators[p * ACC_BITS +: ACC_BITS];
			assign results[p * OUT_BITS +: OUT_BITS] =
				OUT_BITS'($signed({ACC_SIGNED & value[ACC_BITS - 1], value}));
		end
		assign results_valid = done;
	end else begin : gen_staircase
		localparam int unsigned GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
		logic [GROUP_BITS - 1:0] group;
		logic [PE * STEPS * STEP_BITS - 1:0] thresholds;
		wrap_counter #(.PERIOD(GROUPS)) groups (
			.clk, .rst, .step(advance && valid && last), .count(group),
			// verilator lint_off PINCONNECTEMPTY
			.last()
			// verilator lint_on PINCONNECTEMPTY
		);
		rom #(.WIDTH(PE * STEPS * STEP_BITS), .DEPTH(GROUPS), .FILE(THRESHOLDS)) threshold_rom (
			.clk, .enable(advance), .address(group), .q(thresholds)
		);
		staircase #(
			.PE(PE), .STEPS(STEPS), .VALUE_BITS(ACC_BITS), .VALUE_SIGNED(ACC_SIGNED),
			.STEP_BITS(STEP_BITS), .STEP_SIGNED(STEP_SIGNED), .OUT_BITS(OUT_BITS), .BIAS(BIAS)
		) activation (
			.clk, .enable(advance), .values(accumulators), .thresholds, .out(results)
		);
		pipeline_delay #(.CYCLES(1 + ($clog2(STEPS) + 1) / 2)) results_flag (
			.clk, .rst, .enable(advance), .d(done), .q(results_valid)
		);
	end

	skid_buffer #(.WIDTH(PE * OUT_BITS)) out_buffer (
		.clk, .rst, .idat(results), .ivld(results_valid), .irdy(advance), .odat, .ovld, .ordy
	);
endmodule
