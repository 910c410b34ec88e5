"""The tests that every kernel's C++ passes; imported by the kernels' test modules."""

from pathlib import Path

import numpy as np
import pytest
from support.cosim import Compile, random_inputs

from hwsubnet.errors import ToolError
from hwsubnet.simulate.cppsim import CppSimulator


def agrees(simulator: CppSimulator, top: str, folder: Path) -> bool:
    """Whether the C++ gives the golden model's outputs, and the declared number of them."""
    graph = simulator.tops[top]
    inputs = random_inputs(graph)
    golden = graph.run(inputs)
    outputs = simulator.run(inputs, folder, top=top)
    return all(np.array_equal(golden[tensor], values) for tensor, values in outputs.items())


def test_cpp_equals_golden(case: str, compiled: CppSimulator, tmp_path: Path) -> None:
    assert agrees(compiled, f"top_{case}", tmp_path)


def test_mutated_kernel_is_caught(
    request: pytest.FixtureRequest,
    mutation: tuple[str, str, str],
    mutated_hls: Path,
    compile_nodes: Compile,
    tmp_path: Path,
) -> None:
    case = mutation[0]
    simulator = compile_nodes({case: request.module.CASES[case]}, kernels=mutated_hls)
    try:
        survives = agrees(simulator, f"top_{case}", tmp_path)
    except ToolError:  # a stream read while empty, or left full
        survives = False
    assert not survives
