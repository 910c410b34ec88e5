from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import Node


def label_select(
    labels: int, count: int, pe: int, datatype: str, vectors: tuple[int, ...] = (1,)
) -> Node:
    attributes = {
        "Labels": labels,
        "K": count,
        "PE": pe,
        "inputDataType": datatype,
        "numInputVectors": vectors,
    }
    return Node("node", "LabelSelect_hls", attributes, ("x",), ("y",), {})


# Narrow types over many labels: most vectors hold ties.
CASES = {
    "top_1": label_select(10, 1, 1, "INT12"),
    "top_5_of_ties": label_select(20, 5, 2, "INT3"),
    "all": label_select(7, 7, 7, "UINT2"),
    "more_labels_than_a_byte": label_select(300, 3, 10, "UINT4"),
    "unsigned_full_range": label_select(6, 2, 3, "UINT8"),
    "pixels": label_select(4, 1, 2, "INT8", (1, 3, 2)),
    "bipolar": label_select(8, 2, 4, "BIPOLAR"),
}
MUTATIONS = [
    ("top_5_of_ties", "above = value > values[k]", "above = value >= values[k]"),
    ("all", "k-- > 0", "k-- > 1"),
]
