"""Every option is hardware: kernels with the cycles that were reckoned, and the same integers."""

import random

import numpy as np
import onnx
import pytest
from support.quantized_networks import lowered_network

from hwsubnet.boards import load_board
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.estimate.options import apply, units
from hwsubnet.finn_adapter.hardware import hardware_nodes
from hwsubnet.kernels import graph_of
from hwsubnet.simulate.fifo_sizing import size_fifos
from hwsubnet.simulate.golden import simulate_golden
from hwsubnet.simulate.rtlsim import Target, simulate

NETWORKS = ["cnn", "resnet", "depthwise"]


def no_cost(node, foldings):
    return np.zeros((len(foldings), 5))


def folded(model, seed):
    """Fold every unit at random; return the cycles that the options promise, by node."""
    choose = random.Random(seed)
    promised = {}
    for unit in units(hardware_nodes(model)):
        options = unit.options(no_cost)
        index = choose.randrange(len(options.foldings))
        apply(unit.nodes, options.foldings[index])
        promised[unit.name] = int(options.cycles[index]), [node.name for node in unit.nodes]
    return promised


@pytest.mark.parametrize("name", NETWORKS)
def test_random_foldings_are_kernels_that_compute_the_same(name, tmp_path):
    lowered, out, _ = lowered_network(name, tmp_path)
    model = onnx.load(out / lowered.dataflow.path)
    plain = graph_of(model)
    (stream,) = plain.inputs
    low, high = stream.datatype.min, stream.datatype.max
    frames = np.random.default_rng(0).integers(low, high, (3, *stream.shape), endpoint=True)
    expected = simulate_golden(plain, {stream.tensor: frames})
    seen = set()
    for seed in range(6):
        promised = folded(model, seed)
        graph = graph_of(model)
        cycles = {kernel.name: kernel.cycles for kernel in graph.kernels}
        seen |= {kernel.op for kernel in graph.kernels}
        for reckoned, nodes in promised.values():
            assert reckoned == max(cycles[node] for node in nodes), nodes
        found = simulate_golden(graph, {stream.tensor: frames})
        for tensor, values in expected.items():
            assert np.array_equal(found[tensor], values)
    assert {"MVAU_rtl", "MVAU_hls"} <= seen


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_random_foldings_are_rtl_that_computes_the_same(name, seed, tmp_path):
    board = load_board("Pynq-Z2")
    lowered, out, _ = lowered_network(name, tmp_path)
    model = onnx.load(out / lowered.dataflow.path)
    folded(model, seed)
    onnx.save(model, tmp_path / "folded.onnx")

    def emit(depths):
        design = emit_rtl(
            tmp_path / "folded.onnx",
            tmp_path / "rtl",
            part=board.part,
            clock_mhz=board.clock_mhz,
            depths=depths,
        )
        return Target.accelerator(design, tmp_path / "rtl")

    target = size_fifos(emit, cache=tmp_path / "cache").target
    (stream,) = target.graph.inputs
    low, high = stream.datatype.min, stream.datatype.max
    frames = np.random.default_rng(0).integers(low, high, (6, *stream.shape), endpoint=True)
    expected = simulate_golden(target.graph, {stream.tensor: frames})
    run = simulate(target, {stream.tensor: frames}, cache=tmp_path / "cache")
    for tensor, values in expected.items():
        assert np.array_equal(run.outputs[tensor], values)
    slowest = max(kernel.cycles for kernel in target.graph.kernels)
    assert run.cycles_per_frame <= 1.02 * slowest
