import numpy as np
from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import DataType, Node


def thresholding(
    source: str, target: str, channels: int, pe: int, *, pixels: tuple[int, ...] = (2, 3),
    bias: int = 0, shared: bool = False,
) -> Node:  # fmt: skip
    """Random ascending thresholds, some of them beyond the input's range."""
    rng = np.random.default_rng(channels * 100 + pe)
    low, high = DataType.parse(source).min, DataType.parse(source).max
    steps = 1 if target == "BIPOLAR" else 2 ** DataType.parse(target).bits - 1
    rows = 1 if shared else channels
    thresholds = np.sort(rng.integers(low, high + 1, (rows, steps), endpoint=True), axis=1)
    attributes = {
        "NumChannels": channels,
        "PE": pe,
        "inputDataType": source,
        "outputDataType": target,
        "numInputVectors": (1, *pixels),
        "ActVal": bias,
    }
    return Node("node", "Thresholding_rtl", attributes, ("x", "t"), ("y",), {"t": thresholds})


CASES = {
    "int8_to_uint4": thresholding("INT8", "UINT4", 6, 3),
    "uint8_to_int3": thresholding("UINT8", "INT3", 4, 1, bias=-4),
    "int17_to_bipolar": thresholding("INT17", "BIPOLAR", 5, 5),
    "int33_to_uint8_prime": thresholding("INT33", "UINT8", 7, 1),
    "uint1_to_uint1_vector": thresholding("UINT1", "UINT1", 3, 3, pixels=()),
    "one_row_for_all": thresholding("INT6", "UINT2", 8, 2, shared=True),
}
MUTATIONS = [
    ("int8_to_uint4", "value >= TC(t[s])", "value > TC(t[s])"),
    ("uint8_to_int3", "s < STEPS", "s + 1 < STEPS"),
]
