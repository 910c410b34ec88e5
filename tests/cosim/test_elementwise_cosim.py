import numpy as np
from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import DataType, Node

_UFUNC = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Max": np.maximum}


def elementwise(
    operation: str, lhs: str, rhs: str, channels: int, pe: int,
    constant: tuple[int, ...] | None = None, *, constant_side: str = "rhs",
) -> Node:  # fmt: skip
    """Two streams, or one and a random constant of the given shape; the output is exact."""
    shape = (1, 2, 3, channels)
    types = {"lhs": DataType.parse(lhs), "rhs": DataType.parse(rhs)}
    ends = [(t.min, t.max) for t in types.values()]
    corners = [_UFUNC[operation](a, b) for a in ends[0] for b in ends[1]]
    attributes = {
        "lhs_dtype": lhs,
        "rhs_dtype": rhs,
        "out_dtype": DataType.holding(int(min(corners)), int(max(corners))).name,
        "lhs_shape": shape,
        "rhs_shape": shape,
        "out_shape": shape,
        "PE": pe,
    }
    constants = {}
    if constant is not None:
        side = types[constant_side]
        rng = np.random.default_rng([channels, pe])
        constants[constant_side] = rng.integers(side.min, side.max, constant, endpoint=True)
        attributes[f"{constant_side}_shape"] = constant
    return Node(
        "node", f"Elementwise{operation}_hls", attributes, ("lhs", "rhs"), ("y",), constants
    )


CASES = {
    "add": elementwise("Add", "UINT4", "UINT4", 6, 2),
    "add_mixed": elementwise("Add", "INT3", "UINT8", 5, 5),
    "subtract": elementwise("Sub", "UINT4", "UINT4", 4, 1),
    "multiply": elementwise("Mul", "INT8", "UINT8", 4, 2),
    "maximum": elementwise("Max", "INT4", "UINT3", 6, 3),
    "add_per_channel": elementwise("Add", "UINT4", "INT6", 6, 2, (6,)),
    "multiply_per_channel": elementwise("Mul", "INT5", "UINT4", 4, 4, (1, 1, 1, 4)),
    "multiply_scalar": elementwise("Mul", "UINT4", "INT4", 6, 3, (1,)),
    "maximum_scalar": elementwise("Max", "INT4", "INT4", 3, 1, (1, 1, 1, 1)),
    "add_per_element": elementwise("Add", "INT4", "INT4", 4, 2, (1, 2, 3, 4)),
    "from_constant": elementwise("Sub", "INT8", "UINT4", 6, 2, (6,), constant_side="lhs"),
}
MUTATIONS = [
    ("from_constant", "TO(TO(b) - TO(a))", "TO(TO(a) - TO(b))"),
    ("add", "TO(TO(a) + TO(b))", "TO(TO(a) - TO(b))"),
    ("add_per_channel", "index + 1 == PERIOD ? 0 : index + 1", "index"),
]
