// SPDX-License-Identifier: Apache-2.0
//
// Label select: the indices of the K largest elements of a vector, the largest first; of equal
// elements the one with the lower index first.
//
// The K best so far and the PE newcomers are all compared with one another at once; how many beat a
// candidate is its new place. Folding: PE divides LABELS. Initiation interval 1: a vector takes
// max(LABELS / PE, K) cycles, one index leaves per cycle.
module label_select #(
	parameter int unsigned LABELS = 10,
	parameter int unsigned PE = 1,       // elements per word
	parameter int unsigned K = 1,        // how many indices
	parameter int unsigned IN_BITS = 8,  // bits of an element
	parameter bit SIGNED = 1'b0,         // elements are two's complement
	parameter int unsigned OUT_BITS = 8  // bits of an index
) (
	input  logic clk,
	input  logic rst,

	input  logic [PE * IN_BITS - 1:0] idat,
	input  logic ivld,
	output logic irdy,

	output logic [OUT_BITS - 1:0] odat,
	output logic ovld,
	input  logic ordy
);
	if (LABELS % PE != 0) begin : gen_check_labels
		$error("PE must divide LABELS");
	end
	if (K == 0 || K > LABELS) begin : gen_check_k
		$error("K is at least 1 and at most LABELS");
	end
	if (OUT_BITS < $clog2(LABELS)) begin : gen_check_out_bits
		$error("OUT_BITS must hold LABELS - 1");
	end

	localparam int unsigned FOLDS = LABELS / PE;
	localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
	localparam int unsigned CANDIDATES = K + PE;  // the best so far, then the newcomers

	logic step, last;
	logic [FOLD_BITS - 1:0] fold;
	wrap_counter #(.PERIOD(FOLDS)) folds (.clk, .rst, .step, .count(fold), .last);

	logic [K - 1:0] best_there;  // a vector begins without any
	logic [K * IN_BITS - 1:0] best_values;
	logic [K * OUT_BITS - 1:0] best_labels;

	logic [CANDIDATES - 1:0] there;
	logic [CANDIDATES * IN_BITS - 1:0] values;  // unsigned: as far above the type's lowest
	logic [CANDIDATES * OUT_BITS - 1:0] labels;
	assign there = {{PE{1'b1}}, fold == '0 ? {K{1'b0}} : best_there};
	assign values[K * IN_BITS - 1:0] = best_values;
	assign labels[K * OUT_BITS - 1:0] = best_labels;
	for (genvar p = 0; p < PE; p++) begin : gen_newcomer
		assign values[(K + p) * IN_BITS +: IN_BITS] =
			idat[p * IN_BITS +: IN_BITS] ^ (IN_BITS'(SIGNED) << (IN_BITS - 1));
		assign labels[(K + p) * OUT_BITS +: OUT_BITS] = OUT_BITS'(32'(fold) * PE + p);
	end

	// Of two candidates the earlier one wins unless the later one is larger; absent ones lose.
	for (genvar i = 0; i < CANDIDATES; i++) begin : gen_candidate
		logic [CANDIDATES - 1:0] loses_to;
		assign loses_to[i] = 1'b0;
		for (genvar j = 0; j < i; j++) begin : gen_rival
			logic larger;
			assign larger = values[i * IN_BITS +: IN_BITS] > values[j * IN_BITS +: IN_BITS];
			assign loses_to[j] = there[j] && !(there[i] && larger);
		end
		for (genvar j = i + 1; j < CANDIDATES; j++) begin : gen_later_rival
			assign loses_to[j] = !gen_candidate[j].loses_to[i];
		end

		logic [$clog2(CANDIDATES) - 1:0] place;
		always_comb begin
			place = '0;
			for (int j = 0; j < int'(CANDIDATES); j++) place += $bits(place)'(loses_to[j]);
		end
	end

	// The best K: at each place one candidate.
	logic [K - 1:0] next_there;
	logic [K * IN_BITS - 1:0] next_values;
	logic [K * OUT_BITS - 1:0] next_labels;
	for (genvar k = 0; k < K; k++) begin : gen_place
		logic [CANDIDATES - 1:0] here;
		for (genvar i = 0; i < CANDIDATES; i++) begin : gen_choice
			assign here[i] = 32'(gen_candidate[i].place) == k;
		end
		always_comb begin
			next_there[k] = |(here & there);
			next_values[k * IN_BITS +: IN_BITS] = '0;
			next_labels[k * OUT_BITS +: OUT_BITS] = '0;
			for (int i = 0; i < int'(CANDIDATES); i++) begin
				next_values[k * IN_BITS +: IN_BITS] |=
					values[i * IN_BITS +: IN_BITS] & {IN_BITS{here[i]}};
				next_labels[k * OUT_BITS +: OUT_BITS] |=
					labels[i * OUT_BITS +: OUT_BITS] & {OUT_BITS{here[i]}};
			end
		end
	end

	// The labels leave one by one while the next vector comes in.
	logic ready;
	logic [K - 1:0] waiting;  // ones from below: how many
	logic [K * OUT_BITS - 1:0] leaving;
	logic [K - 1:0] waiting_then;
	assign waiting_then = K'({1'b0, waiting} >> 1);
	assign irdy = !last || waiting == '0 || (ready && waiting_then == '0);
	assign step = ivld && irdy;

	always_ff @(posedge clk) begin
		if (rst) waiting <= '0;
		else if (step && last) waiting <= '1;
		else if (ready) waiting <= waiting_then;
	end
	always_ff @(posedge clk) begin
		if (step) begin
			best_there <= next_there;
			best_values <= next_values;
			best_labels <= next_labels;
		end
		if (step && last) leaving <= next_labels;
		else if (ready) leaving <= (K * OUT_BITS)'({OUT_BITS'(0), leaving} >> OUT_BITS);
	end

	skid_buffer #(.WIDTH(OUT_BITS)) out_buffer (
		.clk, .rst, .idat(leaving[OUT_BITS - 1:0]), .ivld(waiting[0]), .irdy(ready),
		.odat, .ovld, .ordy
	);
endmodule
