import numpy as np
from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import DataType, Node


def vector_vector(
    source: str, weight: str, target: str | None, channels: int, kernel: tuple[int, int],
    pe: int, simd: int = 1, *, dim: tuple[int, int] = (2, 3), bias: int = 0,
) -> Node:  # fmt: skip
    """Random weights, as narrow an accumulator as they allow."""
    rng = np.random.default_rng([channels, *kernel, pe])
    x, w = DataType.parse(source), DataType.parse(weight)
    shape = (channels, 1, *kernel)
    weights = rng.choice([-1, 1], shape)
    if not w.bipolar:
        weights = rng.integers(w.min, w.max, shape, endpoint=True)
    span = weights.reshape(channels, -1, 1) * np.array([x.min, x.max])
    low, high = int(span.min(-1).sum(1).min()), int(span.max(-1).sum(1).max())
    if x.bipolar and w.bipolar:
        low, high = 0, kernel[0] * kernel[1]
    accumulator = DataType.holding(low, high)
    attributes = {
        "Channels": channels,
        "Kernel": kernel,
        "Dim": dim,
        "PE": pe,
        "SIMD": simd,
        "inputDataType": source,
        "weightDataType": weight,
        "accDataType": accumulator.name,
        "outputDataType": target or accumulator.name,
        "noActivation": int(target is None),
        "ActVal": bias,
    }
    constants = {"w": weights.astype(np.float32)}
    if target:
        steps = 2 ** DataType.parse(target).bits - 1
        thresholds = rng.integers(low, high, (channels, steps), endpoint=True)
        constants["t"] = np.sort(thresholds, axis=1)
    tensors = ("x", "w", "t") if target else ("x", "w")
    return Node("node", "VVAU_hls", attributes, tensors, ("y",), constants)


CASES = {
    "w4a4": vector_vector("UINT4", "INT4", None, 6, (3, 3), 2),
    "w4a4_all_positions": vector_vector("UINT4", "INT4", None, 6, (3, 3), 3, 9),
    "w4a4_some_positions": vector_vector("INT4", "INT4", "INT3", 4, (2, 3), 2, 3, bias=-4),
    "w8a8_prime": vector_vector("UINT8", "INT8", "UINT4", 7, (5, 1), 1, 5),
    "w1a1": vector_vector("BIPOLAR", "BIPOLAR", "UINT1", 4, (3, 3), 4),
    "w1a3": vector_vector("UINT3", "BIPOLAR", None, 5, (3, 3), 5, 3),
    "pointwise": vector_vector("UINT4", "INT4", None, 6, (1, 1), 3),
}
MUTATIONS = [
    ("w4a4_some_positions", "x[simd * PE + pe]", "x[pe * SIMD + simd]"),
    ("w4a4", "position == 0 ?", "true ?"),
]
