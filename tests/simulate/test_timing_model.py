"""The model of the pipeline against the clock of the RTL."""

import pytest
from support.dataflow import Builder
from support.rtl_simulation import emitter, random_frames

from hwsubnet.kernels import KernelGraph, pipeline
from hwsubnet.simulate.rtlsim import Target, simulate


def test_a_sized_accelerator_keeps_the_models_time(fork_sizing):
    timing = pipeline(fork_sizing.target.graph)
    assert fork_sizing.period == timing.cycles_per_frame


def test_latency(fork_sizing, cache):
    target = fork_sizing.target
    frame = {stream.tensor: random_frames(stream)[:1] for stream in target.graph.inputs}
    measured = simulate(target, frame, cache=cache).latency
    # The model leaves out the registers of FIFOs deeper than a few words.
    assert pipeline(target.graph).latency_cycles == pytest.approx(measured, rel=0.1)


def test_depths(fork_sizing):
    fills = pipeline(fork_sizing.target.graph).fills
    assert set(fills) == set(fork_sizing.depths)
    skip = "DuplicateStreams_rtl_0_out1"
    assert fills[skip] == pytest.approx(fork_sizing.depths[skip], rel=0.25)


def test_every_node_alone_takes_its_cycles(fork_sizing, cache):
    whole = fork_sizing.target
    windows = [k for k in whole.graph.kernels if k.op == "ConvolutionInputGenerator_rtl"]
    assert windows
    for kernel in windows:  # FINN's own formula is a bound for these
        node = Target.node(whole.design, whole.folder, kernel.name)
        frames = {stream.tensor: random_frames(stream) for stream in kernel.inputs}
        run = simulate(node, frames, cache=cache)
        timing = pipeline(KernelGraph.of((kernel,)))
        assert run.cycles_per_frame == timing.cycles_per_frame
        assert run.latency == pytest.approx(timing.latency_cycles, abs=2)


@pytest.mark.parametrize("size", [5, 6])
def test_windows_given_at_once_take_their_words(size, cache, tmp_path):
    """And a cycle more where the last word completes one; at size 6 no window has it."""
    net = Builder()
    windows = net.windows(net.input((1, size, size, 1)), stride=2, parallel=True)
    whole = emitter(net.model(windows), tmp_path)({})
    (kernel,) = whole.graph.kernels
    node = Target.node(whole.design, whole.folder, kernel.name)
    timing = pipeline(node.graph)
    assert timing.cycles_per_frame == size * size + size % 2
    frames = {stream.tensor: random_frames(stream) for stream in kernel.inputs}
    run = simulate(node, frames, cache=cache)
    assert run.cycles_per_frame == timing.cycles_per_frame
    assert run.latency == pytest.approx(timing.latency_cycles, abs=2)


def test_a_converter_may_be_the_slowest(cache, tmp_path):
    """Words of 4 elements to words of 6: neither side moves in every cycle."""
    net = Builder()
    x = net.input((1, 4, 4, 12))
    x = net.threshold(net.matrix(x, 12, pe=12, simd=12), pe=4)
    target = emitter(net.model(net.windows(x, 2, 2, simd=6)), tmp_path)({})
    timing = pipeline(target.graph)
    assert timing.cycles_per_frame > max(kernel.cycles for kernel in target.graph.kernels)
    (stream,) = target.graph.inputs
    run = simulate(target, {stream.tensor: random_frames(stream)}, cache=cache)
    assert run.cycles_per_frame == pytest.approx(timing.cycles_per_frame, rel=0.02)
