from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def upsample(
    dim: tuple[int, int], scale: tuple[int, int], channels: int, simd: int, datatype: str
) -> Node:
    attributes = {
        "HI": dim[0],
        "WI": dim[1],
        "HO": dim[0] * scale[0],
        "WO": dim[1] * scale[1],
        "NumChannels": channels,
        "SIMD": simd,
        "inputDataType": datatype,
    }
    return Node("node", "UpsampleNearestNeighbour_hls", attributes, ("x",), ("y",), {})


CASES = {
    "by_2": upsample((3, 4), (2, 2), 4, 2, "UINT4"),
    "uneven": upsample((2, 3), (3, 1), 5, 5, "INT6"),
    "columns_only": upsample((3, 2), (1, 4), 6, 1, "UINT2"),
    "bipolar": upsample((2, 2), (2, 2), 8, 4, "BIPOLAR"),
}
MUTATIONS = [
    ("uneven", "++repeat_w == SCALE_W", "++repeat_w == SCALE_H"),
    ("by_2", "repeat_h == 0 &&", ""),
]
