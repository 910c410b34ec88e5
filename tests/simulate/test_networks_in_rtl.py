"""Networks of every topology: stitched RTL = golden model, on both families, under pressure."""

from pathlib import Path

import numpy as np
import pytest
from support.quantized_networks import NETWORKS, exported, images

from hwsubnet.boards import load_board
from hwsubnet.estimate import estimate
from hwsubnet.flow.simulating import size_accelerator
from hwsubnet.lower import lower
from hwsubnet.simulate.golden import simulate_golden
from hwsubnet.simulate.host import to_integers
from hwsubnet.simulate.rtlsim import Target, Traffic, simulate

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("board_name", ["Pynq-Z2", "ZCU104"])
@pytest.mark.parametrize("name", NETWORKS)
def test_stitched_rtl_is_the_golden_model(name, board_name, tmp_path):
    board = load_board(board_name)
    for stage in ("lower", "estimate"):
        (tmp_path / stage).mkdir()
    lowered = lower(exported(name), tmp_path / "lower", board)
    estimated = estimate(lowered, tmp_path / "lower", board, tmp_path / "estimate", fps=20000)
    folded: Path = tmp_path / "estimate" / estimated.folded.path
    cache = tmp_path / "cache"
    target = size_accelerator(folded, board, board.clock_mhz, tmp_path / "rtl", cache)
    (stream,) = target.graph.inputs
    frames = to_integers(images(name, 12), lowered.input).reshape(12, *stream.shape)
    inputs = {stream.tensor: frames}
    expected = simulate_golden(target.graph, inputs)
    for traffic in (Traffic(), Traffic(pause_in=40, pause_out=60, seed=5)):
        found = simulate(target, inputs, cache=cache, traffic=traffic).outputs
        for tensor, values in expected.items():
            assert np.array_equal(found[tensor], values), traffic
    # Each node by itself, fed with what the golden model says it gets.
    tensors = target.graph.run(inputs)
    for kernel in target.graph.kernels:
        alone = Target.node(target.design, target.folder, kernel.name)
        given = {s.tensor: tensors[s.tensor].reshape(12, *s.shape) for s in kernel.inputs}
        run = simulate(alone, given, cache=cache, traffic=Traffic(pause_out=30))
        for s in kernel.outputs:
            assert np.array_equal(run.outputs[s.tensor], tensors[s.tensor]), kernel.name
