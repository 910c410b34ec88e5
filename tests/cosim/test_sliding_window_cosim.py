from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def sliding_window(
    dim: tuple[int, int], channels: int, kernel: tuple[int, int], simd: int, *,
    stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1), depthwise: bool = False,
    parallel: bool = False, datatype: str = "UINT4",
) -> Node:  # fmt: skip
    attributes = {
        "ConvKernelDim": kernel,
        "IFMChannels": channels,
        "IFMDim": dim,
        "SIMD": simd,
        "Stride": stride,
        "Dilation": dilation,
        "inputDataType": datatype,
        "outputDataType": datatype,
        "depthwise": int(depthwise),
        "parallel_window": int(parallel),
    }
    return Node("node", "ConvolutionInputGenerator_rtl", attributes, ("x",), ("y",), {})


CASES = {
    "3x3": sliding_window((5, 6), 4, (3, 3), 2),
    "3x3_stride_2": sliding_window((7, 8), 3, (3, 3), 1, stride=(2, 2)),
    "2x2_stride_2": sliding_window((6, 6), 4, (2, 2), 4, stride=(2, 2), depthwise=True),
    "1x1_stride_2_leaves_a_rest": sliding_window((5, 5), 2, (1, 1), 1, stride=(2, 2)),
    "2x2_stride_3": sliding_window((8, 7), 2, (2, 2), 2, stride=(3, 3)),
    "dilated": sliding_window((7, 9), 2, (3, 3), 1, dilation=(2, 3)),
    "uneven": sliding_window((6, 9), 3, (2, 5), 3, stride=(1, 2)),
    "whole_map": sliding_window((4, 3), 5, (4, 3), 1),
    "row": sliding_window((1, 11), 4, (1, 3), 2, stride=(1, 2)),
    "column": sliding_window((11, 1), 4, (3, 1), 2),
    "depthwise": sliding_window((5, 5), 6, (3, 3), 2, depthwise=True),
    "depthwise_stride_2": sliding_window((7, 5), 6, (3, 3), 3, depthwise=True, stride=(2, 2)),
    "parallel": sliding_window((5, 6), 3, (3, 3), 3, parallel=True),
    "parallel_depthwise": sliding_window((6, 5), 4, (3, 3), 2, parallel=True, depthwise=True),
    "parallel_stride_2": sliding_window((7, 7), 2, (3, 3), 2, parallel=True, stride=(2, 2)),
    "bipolar": sliding_window((4, 4), 8, (3, 3), 4, datatype="BIPOLAR"),
}
MUTATIONS = [
    ("3x3", "column > last_column ||", "column >= last_column ||"),
    ("3x3", "row < top + ROWS", "row <= top + ROWS"),
    ("depthwise", "DILATION_W][channel]", "DILATION_W][0]"),
    ("parallel", "p % KW", "p / KW"),
]
