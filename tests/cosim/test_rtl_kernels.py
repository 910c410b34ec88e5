"""Golden = RTL for every SystemVerilog kernel, at full rate and under pauses, and for no mutant."""

from typing import NamedTuple

import pytest
from rtl_bench import Bench, Sink, build, instance, mutant
from rtl_cases import CASES


class Fault(NamedTuple):
    case: str
    path: str
    old: str
    new: str


FAULTS = {
    "sum_never_restarts": Fault(
        "accumulate_pool_uint4", "accumulate_pool.sv", "pixel == '0 ? x :", "1'b0 ? x :"
    ),
    "branch_too_long": Fault(
        "concat_three_types", "concat.sv", "int'(count) < int'(END)", "int'(count) <= int'(END)"
    ),
    "copy_forgotten": Fault(
        "duplicate_streams_three_signed", "duplicate_streams.sv", "<= taken | ordy", "<= ordy"
    ),
    "difference_for_sum": Fault(
        "elementwise_add", "elementwise.sv", "OUT_BITS'(a) + OUT_BITS'(b)", "OUT_BITS'(a - b)"
    ),
    "difference_swapped": Fault(
        "elementwise_from_constant",
        "elementwise.sv",
        "OUT_BITS'(b) - OUT_BITS'(a)",
        "OUT_BITS'(a) - OUT_BITS'(b)",
    ),
    "larger_for_smaller": Fault(
        "elementwise_maximum", "elementwise.sv", "COMMON_BITS'(a) > ", "COMMON_BITS'(a) < "
    ),
    "ties_swapped": Fault(
        "label_select_top_5_of_ties", "label_select.sv", "> values[j", ">= values[j"
    ),
    "sum_restarts_always": Fault(
        "matrix_vector_w4a4", "mac_array.sv", "(first ? '0 : accumulator)", "ACC_BITS'(0)"
    ),
    "xor_for_xnor": Fault("matrix_vector_w1a1_popcount", "mac_array.sv", "x == w", "x != w"),
    "carry_lost": Fault(
        "matrix_vector_w1a1_counts", "mac_array.sv", "(a & b) | (a & c) | (b & c)", "a & b & c"
    ),
    "sign_ignored": Fault(
        "matrix_vector_w1a8_signed", "product.sv", "narrow[0] ? wide : -wide", "wide"
    ),
    "signed_inputs_unsigned": Fault(
        "matrix_vector_w2a8_thresholds_signed", "product.sv", "WIDE_SIGNED &", "1'b0 &"
    ),
    "signed_weights_unsigned": Fault(
        "matrix_vector_w8a8_full_range", "product.sv", "NARROW_SIGNED & n", "1'b0 & n"
    ),
    "sign_bit_added": Fault("matrix_vector_w4a4", "product.sv", "result - (", "result + ("),
    "tree_without_odd_operand": Fault(
        "matrix_vector_w8a8_full_range", "adder_tree.sv", "2 * i + 1 < FROM_COUNT", "i < 0"
    ),
    "threshold_exclusive": Fault(
        "matrix_vector_w4a4_thresholds",
        "staircase.sv",
        "extended >= compared",
        "extended > compared",
    ),
    "replayed_once_too_often": Fault(
        "matrix_vector_w1a2", "stream_replay.sv", "last_word && !last_time ?", "last_word ?"
    ),
    "flag_late": Fault(
        "matrix_vector_w4a1", "mac_array.sv", ".CYCLES(1 + SUM_CYCLES)", ".CYCLES(2 + SUM_CYCLES)"
    ),
    "rom_not_held": Fault("matrix_vector_w4a1_binary", "rom.sv", "if (enable) q", "q"),
    "gap_too_short": Fault(
        "pixel_padding_uneven", "pixel_padding.sv", "(STRIDE_W - 1)", "(STRIDE_W - 2)"
    ),
    "smallest_for_largest": Fault("pool_max_signed", "pool.sv", "x > so_far", "x < so_far"),
    "last_for_sum": Fault("pool_sum", "pool.sv", ": so_far + x", ": x"),
    "shift_forgotten": Fault("pool_shifted_sum", "pool.sv", "reduced >>> SHIFT", "reduced"),
    "spare_word_lost": Fault("pool_max", "skid_buffer.sv", "spared ? spare : idat", "idat"),
    "factors_swapped": Fault(
        "upsample_uneven", "upsample.sv", "REPEAT(SCALE_H)", "REPEAT(SCALE_W)"
    ),
    "one_vector_for_all": Fault("vector_vector_w4a4", "mac_array.sv", "p % VECTORS", "0"),
    "count_one_more": Fault(
        "vector_vector_pointwise", "wrap_counter.sv", "BITS'(PERIOD - 1)", "BITS'(PERIOD)"
    ),
}
TRAFFIC = {"full_rate": (0, 0), "gaps": (50, 0), "backpressure": (0, 50), "both": (40, 60)}
"""Percent of cycles in which the sources, and the sinks, pause."""

Results = dict[str, dict[str, list[Sink]]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """All kernels and all mutants."""
    instances = [instance(case, node) for case, node in CASES.items()]
    instances += [
        mutant(f"mutant_{name}", CASES[fault.case], *fault[1:]) for name, fault in FAULTS.items()
    ]
    return build(instances, tmp_path_factory.mktemp("rtl"))


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    return {
        name: bench.run(pause_in, pause_out, seed=20260)
        for name, (pause_in, pause_out) in TRAFFIC.items()
    }


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_rtl_equals_golden(case: str, traffic: str, results: Results) -> None:
    assert len(results[traffic][case]) == len(CASES[case].outputs)
    assert all(sink.right for sink in results[traffic][case])


def test_a_frame_takes_the_cycles_that_the_model_says(case: str, results: Results) -> None:
    cycles = instance(case, CASES[case]).kernel.cycles
    assert {sink.period for sink in results["full_rate"][case]} == {cycles}


@pytest.mark.parametrize("fault", FAULTS)
def test_mutated_rtl_is_caught(fault: str, results: Results) -> None:
    sinks = [sink for runs in results.values() for sink in runs[f"mutant_{fault}"]]
    assert sinks
    assert not all(sink.right for sink in sinks)


def test_every_kernel_and_building_block_has_a_mutant() -> None:
    used = {path for node in CASES.values() for path in instance("x", node).rtl.sources}
    shape_only = {"matrix_vector.sv", "vector_vector.sv", "pipeline_delay.sv"}
    assert {fault.path for fault in FAULTS.values()} == used - shape_only
