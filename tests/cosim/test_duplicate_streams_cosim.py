from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def duplicate_streams(outputs: int, channels: int, pe: int, datatype: str) -> Node:
    attributes = {
        "NumChannels": channels,
        "PE": pe,
        "NumOutputStreams": outputs,
        "inputDataType": datatype,
        "numInputVectors": (1, 2, 3),
    }
    tensors = tuple(f"y{index}" for index in range(outputs))
    return Node("node", "DuplicateStreams_hls", attributes, ("x",), tensors, {})


CASES = {
    "two": duplicate_streams(2, 6, 3, "UINT4"),
    "three_signed": duplicate_streams(3, 5, 1, "INT7"),
    "bipolar": duplicate_streams(2, 8, 8, "BIPOLAR"),
}
MUTATIONS = [
    ("two", "i < WORDS", "i + 1 < WORDS"),
    ("three_signed", "outs.write(value)", "outs.write(T())"),
]
