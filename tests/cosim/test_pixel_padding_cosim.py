from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def pixel_padding(
    dim: tuple[int, int], stride: tuple[int, int], channels: int, simd: int, datatype: str
) -> Node:
    attributes = {
        "ImgDim": dim,
        "Stride": stride,
        "NumChannels": channels,
        "SIMD": simd,
        "inputDataType": datatype,
    }
    return Node("node", "FMPadding_Pixel_hls", attributes, ("x",), ("y",), {})


CASES = {
    "stride_2": pixel_padding((3, 4), (2, 2), 4, 2, "UINT4"),
    "uneven": pixel_padding((4, 3), (1, 3), 3, 1, "INT5"),
    "rows_only": pixel_padding((3, 2), (4, 1), 2, 2, "UINT2"),
    "one_pixel": pixel_padding((1, 1), (2, 2), 6, 3, "UINT8"),
}
MUTATIONS = [
    ("uneven", "column = 0;\n                gap_w = 0;", "column = 0;"),
    ("uneven", "? STRIDE_H - 1", "? STRIDE_W - 1"),
]
