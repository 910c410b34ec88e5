from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def pool(
    function: str, source: str, target: str, channels: int, kernel: tuple[int, int], pe: int,
    dim: tuple[int, int] = (2, 3),
) -> Node:  # fmt: skip
    attributes = {
        "Channels": channels,
        "PE": pe,
        "KernelSize": kernel,
        "Function": function,
        "OutImgDims": dim,
        "InputDataType": source,
        "OutputDataType": target,
    }
    return Node("node", "Pool_hls", attributes, ("x",), ("y",), {})


CASES = {
    "max": pool("MaxPool", "UINT4", "UINT4", 6, (2, 2), 2),
    "max_signed": pool("MaxPool", "INT5", "INT5", 7, (3, 3), 1),
    "max_bipolar": pool("MaxPool", "BIPOLAR", "BIPOLAR", 8, (2, 2), 4),
    "sum": pool("AccPool", "UINT4", "UINT10", 4, (7, 7), 4, (1, 1)),
    "sum_signed": pool("AccPool", "INT8", "INT10", 3, (2, 2), 1),
    "shifted_sum": pool("QuantAvgPool", "UINT4", "UINT4", 6, (2, 2), 3),
    "shifted_sum_signed": pool("QuantAvgPool", "INT4", "INT4", 5, (2, 2), 5),
    "one_position": pool("MaxPool", "UINT3", "UINT3", 4, (1, 1), 2),
}
MUTATIONS = [
    ("max", "select(x > so_far", "select(so_far > x"),
    ("sum", "TA(so_far + x)", "TA(so_far)"),
    ("shifted_sum", "shift_right<SHIFT>", "shift_right<SHIFT + 1>"),
]
