"""A transposed convolution at every level: the one way to the RTL that pads pixels."""

import numpy as np
import pytest
from support.accelerators import Accelerator
from support.qonnx_models import Model

from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.simulate.golden import simulate_golden
from hwsubnet.simulate.rtlsim import Target, Traffic, simulate


@pytest.mark.parametrize("board", ["Pynq-Z2", "ZCU104"])
def test_streamlined_golden_and_rtl_agree(board, tmp_path, cache):
    model = Model((1, 3, 4, 5))
    x = model.quant("x", 1 / 15)
    strides, pads = [2, 3], [1, 0, 1, 1]
    y = model.add("ConvTranspose", x, model.weights(3, 4, 3, 3), strides=strides, pads=pads)
    path = model.save(tmp_path / "m.onnx", y)
    accelerator = Accelerator.of(path, tmp_path, board, fps=100_000)
    assert "FMPadding_Pixel_rtl" in {kernel.op for kernel in accelerator.graph.kernels}
    inputs = accelerator.frames(6)
    expected = accelerator.streamlined(inputs)
    golden = simulate_golden(accelerator.graph, inputs)[accelerator.output]
    assert np.array_equal(golden.reshape(6, -1), expected)
    target, folder = accelerator.board, tmp_path / "rtl"
    design = emit_rtl(accelerator.folded, folder, part=target.part, clock_mhz=target.clock_mhz)
    for traffic in (Traffic(), Traffic(pause_in=40, pause_out=60, seed=5)):
        run = simulate(Target.accelerator(design, folder), inputs, cache=cache, traffic=traffic)
        assert np.array_equal(run.outputs[accelerator.output].reshape(6, -1), expected), traffic
