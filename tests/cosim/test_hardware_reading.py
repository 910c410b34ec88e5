"""The kernels as Vitis HLS reads them: ap_int and hls::stream, one frame at a time."""

from importlib import import_module
from pathlib import Path

import pytest
from cpp_cosim import agrees
from support.cosim import Compile

from hwsubnet.simulate.cppsim import CppSimulator

# A few cases of every kernel: ap_int compiles slowly.
CASES = {
    f"{kernel}_{case}": import_module(f"test_{kernel}_cosim").CASES[case]
    for kernel, cases in {
        "accumulate_pool": ["int8"],
        "concat": ["three_types"],
        "duplicate_streams": ["three_signed"],
        "elementwise": ["add_mixed", "maximum", "multiply_per_channel", "from_constant"],
        "label_select": ["top_5_of_ties"],
        "matrix_vector": ["w4a4_thresholds", "w1a1_popcount", "w1a8_signed", "w4a1"],
        "padding": ["uneven"],
        "pixel_padding": ["uneven"],
        "pool": ["max_signed", "shifted_sum_signed"],
        "sliding_window": ["3x3_stride_2", "parallel_depthwise"],
        "thresholding": ["uint8_to_int3"],
        "upsample": ["uneven"],
        "vector_vector": ["w4a4_some_positions", "w1a1"],
        "width_converter": ["no_divisor"],
    }.items()
    for case in cases
}


@pytest.fixture(scope="module")
def compiled(compile_nodes: Compile) -> CppSimulator:
    return compile_nodes(CASES, reading="ap")


def test_every_kernel_has_a_case(compiled: CppSimulator) -> None:
    from hwsubnet.resources import shipped

    used = {kernel.header for graph in compiled.tops.values() for kernel in graph.kernels}
    shared = {"activation.hpp", "product.hpp", "types.hpp", "types_ap.hpp", "types_lanes.hpp"}
    assert used == {path.name for path in (shipped("hls") / "include").glob("*.hpp")} - shared


def test_cpp_equals_golden(case: str, compiled: CppSimulator, tmp_path: Path) -> None:
    assert agrees(compiled, f"top_{case}", tmp_path)
