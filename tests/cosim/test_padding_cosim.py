from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def padding(
    dim: tuple[int, int], margins: tuple[int, int, int, int], channels: int, simd: int,
    datatype: str = "UINT4",
) -> Node:  # fmt: skip
    attributes = {
        "ImgDim": dim,
        "Padding": margins,
        "NumChannels": channels,
        "SIMD": simd,
        "inputDataType": datatype,
    }
    return Node("node", "FMPadding_rtl", attributes, ("x",), ("y",), {})


CASES = {
    "same": padding((4, 5), (1, 1, 1, 1), 4, 2),
    "uneven": padding((3, 2), (0, 3, 2, 1), 6, 3, "INT3"),
    "bottom_right": padding((3, 3), (0, 0, 1, 1), 5, 1, "UINT1"),
    "row": padding((1, 7), (0, 2, 0, 2), 2, 2, "INT8"),
}
MUTATIONS = [
    ("same", "row - TOP < H", "row - TOP <= H"),
    ("uneven", "column - LEFT", "column"),
]
