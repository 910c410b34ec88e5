from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def concat(channels: tuple[int, ...], datatypes: tuple[str, ...], simd: int) -> Node:
    attributes = {
        "ChannelsPerStream": channels,
        "inputDataTypes": datatypes,
        "SIMD": simd,
        "numInputVectors": (1, 2, 3),
    }
    tensors = tuple(f"x{index}" for index in range(len(channels)))
    return Node("node", "StreamingConcat_hls", attributes, tensors, ("y",), {})


CASES = {
    "two": concat((4, 6), ("UINT4", "UINT4"), 2),
    "three_types": concat((3, 9, 6), ("UINT2", "INT4", "UINT8"), 3),
    "one_by_one": concat((1, 2, 1, 3), ("INT4",) * 4, 1),
}
MUTATIONS = [
    ("two", "pixel < PIXELS", "pixel + 1 < PIXELS"),
    ("three_types", "y[simd] = TO(x[simd])", "y[simd] = TO(0)"),
]
