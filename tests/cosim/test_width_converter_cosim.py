from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import DataType, Node


def width_converter(channels: int, source: int, target: int, datatype: str) -> Node:
    bits = DataType.parse(datatype).bits
    attributes = {
        "inShape": (1, 2, 3, channels),
        "outShape": (1, 2, 3, channels),
        "inWidth": source * bits,
        "outWidth": target * bits,
        "dataType": datatype,
    }
    return Node("node", "StreamingDataWidthConverter_rtl", attributes, ("x",), ("y",), {})


CASES = {
    "wider": width_converter(8, 2, 4, "UINT4"),
    "narrower": width_converter(6, 6, 1, "INT5"),
    "no_divisor": width_converter(12, 6, 4, "UINT3"),
    "no_divisor_wider": width_converter(15, 3, 5, "INT8"),
    "across_pixels": width_converter(4, 4, 8, "UINT2"),
    "same": width_converter(4, 2, 2, "BIPOLAR"),
}
MUTATIONS = [
    ("no_divisor", "held[i + OUT]", "held[i]"),
    ("narrower", "count < OUT", "count <= OUT"),
]
