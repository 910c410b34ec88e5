import numpy as np
import pytest
from support.rtl_simulation import emitter

from hwsubnet.errors import Mismatch
from hwsubnet.simulate import fifo_sizing
from hwsubnet.simulate.fifo_sizing import size_fifos


def test_no_throughput_is_lost(fork_sizing):
    kernels = fork_sizing.target.graph.kernels
    slowest = max(kernel.cycles for kernel in kernels if kernel.op == "MVAU_rtl")
    assert fork_sizing.unbounded_period >= slowest
    assert fork_sizing.period <= 1.01 * fork_sizing.unbounded_period


def test_the_way_round_the_body_gets_the_deep_fifo(fork_sizing):
    depths = fork_sizing.depths
    assert set(depths) == {edge.tensor for edge in fork_sizing.target.design.edges}
    # Of the fork's two ways. Depths of other edges count words of other widths.
    assert depths["DuplicateStreams_rtl_0_out1"] > depths["DuplicateStreams_rtl_0_out0"]
    assert depths["DuplicateStreams_rtl_0_out1"] > 8


def test_fifos_that_stay_shallow_are_left_out(fork_sizing):
    assert 0 in fork_sizing.depths.values()


@pytest.fixture
def emit(fork_sizing, fork_model, tmp_path):
    """Designs that were built before: what deepening would give is always the sized one."""
    free = emitter(fork_model, tmp_path)({})
    return lambda depths: fork_sizing.target if depths else free


def test_lost_throughput_is_told(emit, cache):
    # No depth can make the accelerator faster than its slowest node.
    with pytest.raises(Mismatch, match=r"a frame takes \d+ cycles .* \d+ with unbounded FIFOs"):
        size_fifos(emit, cache=cache, tolerance=-0.5)


def test_outputs_that_depend_on_depths_are_told(emit, cache, monkeypatch):
    real = fifo_sizing.simulate

    def broken(*args, variant, **kwargs):
        run = real(*args, variant=variant, **kwargs)
        if not variant.gauge:  # the run with real depths
            for values in run.outputs.values():
                np.negative(values, out=values)
        return run

    monkeypatch.setattr(fifo_sizing, "simulate", broken)
    with pytest.raises(Mismatch, match="depends on the depths of FIFOs"):
        size_fifos(emit, cache=cache)
