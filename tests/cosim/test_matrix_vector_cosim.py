import numpy as np
from cpp_cosim import test_cpp_equals_golden, test_mutated_kernel_is_caught  # noqa: F401

from hwsubnet.kernels import DataType, Node


def matrix_vector(
    source: str, weight: str, target: str | None, columns: int, rows: int, simd: int, pe: int,
    *, vectors: tuple[int, ...] = (1, 2, 2), bias: int = 0, xnor: bool = False,
) -> Node:  # fmt: skip
    """Random weights; the accumulator is as narrow as they allow; no thresholds if no target."""
    rng = np.random.default_rng([columns, rows, simd, pe])
    x, w = DataType.parse(source), DataType.parse(weight)
    weights = rng.integers(0, w.max - w.min, (columns, rows), endpoint=True) + w.min
    if w.bipolar:
        weights = rng.choice([-1, 1], (columns, rows))
    matches = xnor or (x.bipolar and w.bipolar)
    span = weights[..., None] * np.array([x.min, x.max])
    low, high = int(span.min(-1).sum(0).min()), int(span.max(-1).sum(0).max())
    accumulator = DataType.holding(0, columns) if matches else DataType.holding(low, high)
    attributes = {
        "MW": columns,
        "MH": rows,
        "SIMD": simd,
        "PE": pe,
        "inputDataType": source,
        "weightDataType": weight,
        "accDataType": accumulator.name,
        "outputDataType": target or accumulator.name,
        "noActivation": int(target is None),
        "numInputVectors": vectors,
        "ActVal": bias,
        "binaryXnorMode": int(xnor),
    }
    constants = {"w": weights.astype(np.float32)}
    if target:
        steps = 1 if target == "BIPOLAR" else 2 ** DataType.parse(target).bits - 1
        middle, spread = (low + high) / 2, (high - low) / 8
        if matches:
            middle, spread = columns / 2, columns / 8
        thresholds = np.round(rng.normal(middle, spread, (rows, steps)))
        constants["t"] = np.sort(np.clip(thresholds, accumulator.min, accumulator.max + 1), axis=1)
    tensors = ("x", "w", "t") if target else ("x", "w")
    return Node("node", "MVAU_rtl", attributes, tensors, ("y",), constants)


CASES = {
    "w4a4": matrix_vector("UINT4", "INT4", None, 12, 6, 4, 2),
    "w8a8_full_range": matrix_vector("UINT8", "INT8", None, 10, 5, 5, 5),
    "w3a2_primes": matrix_vector("INT2", "INT3", None, 7, 11, 1, 1),
    "w4a4_thresholds": matrix_vector("UINT4", "INT4", "UINT4", 18, 8, 9, 4),
    "w2a8_thresholds_signed": matrix_vector("INT8", "INT2", "INT4", 6, 4, 6, 4, bias=-8),
    "w1a1_popcount": matrix_vector("BIPOLAR", "BIPOLAR", "BIPOLAR", 64, 8, 16, 4),
    "w1a1_xnor_mode": matrix_vector("BINARY", "BINARY", "UINT2", 27, 4, 9, 2, xnor=True),
    "w1a1_counts": matrix_vector("BIPOLAR", "BIPOLAR", None, 9, 3, 3, 1),
    "w1a2": matrix_vector("UINT2", "BIPOLAR", "UINT2", 12, 4, 3, 2),
    "w1a8_signed": matrix_vector("INT8", "BIPOLAR", None, 6, 6, 2, 3),
    "w4a1": matrix_vector("BIPOLAR", "INT4", None, 8, 4, 4, 2),
    "w4a1_binary": matrix_vector("BINARY", "INT4", None, 8, 4, 8, 1),
    "one_vector": matrix_vector("UINT8", "INT8", None, 300, 10, 10, 2, vectors=(1,)),
    "wide_sums": matrix_vector("INT16", "INT16", None, 17, 2, 17, 1),
}
MUTATIONS = [
    ("w4a4", "synapse == 0 ?", "false ?"),
    ("w4a4_thresholds", "sum +=", "sum ="),
    ("w3a2_primes", "neuron == 0", "neuron <= 1"),
    ("w1a1_popcount", "thresholds[fold]", "thresholds[0]"),
    ("w1a1_popcount", "TP(x == TI(w))", "TP(x == x)"),
    ("w1a2", "with_sign<TP>(x, w)", "TP(x)"),
]
