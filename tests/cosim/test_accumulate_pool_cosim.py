from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def accumulate_pool(dim: tuple[int, int], channels: int, pe: int, datatype: str) -> Node:
    attributes = {
        "NumChannels": channels,
        "PE": pe,
        "inputDataType": datatype,
        "numInputVectors": (1, *dim),
    }
    return Node("node", "GlobalAccPool_hls", attributes, ("x",), ("y",), {})


CASES = {
    "uint4": accumulate_pool((3, 4), 6, 2, "UINT4"),
    "int8": accumulate_pool((8, 8), 5, 5, "INT8"),
    "one_pixel": accumulate_pool((1, 1), 4, 1, "UINT2"),
    "one_bit": accumulate_pool((16, 16), 3, 1, "UINT1"),
}
MUTATIONS = [
    ("uint4", "pixel + 1 == PIXELS", "pixel == 0"),
    ("int8", "sums[fold][pe] + value", "sums[fold][pe]"),
]
