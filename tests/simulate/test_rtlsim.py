import shutil
import struct
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from support.dataflow import Builder, reference
from support.rtl_simulation import FRAMES, emitter, random_frames

from hwsubnet.errors import Deadlock, ModelError, OutputError
from hwsubnet.finn_adapter import staging
from hwsubnet.simulate import verilate
from hwsubnet.simulate.rtlsim import Target, Traffic, simulate


def inputs_of(target: Target):
    return {stream.tensor: random_frames(stream) for stream in target.graph.inputs}


def outputs_of(model, inputs):
    names = [info.name for info in model.graph.output]
    return dict(zip(names, reference(model, *inputs.values()), strict=True))


def agree(found, expected) -> bool:
    assert set(found) == set(expected)
    return all(np.array_equal(found[name], expected[name]) for name in expected)


TRAFFIC = [
    Traffic(),
    Traffic(pause_in=50, seed=1),
    Traffic(pause_out=50, seed=2),
    Traffic(pause_in=30, pause_out=70, seed=3),
]


def label(traffic: Traffic) -> str:
    return f"pauses {traffic.pause_in} and {traffic.pause_out} %, seed {traffic.seed}"


@pytest.mark.parametrize("traffic", TRAFFIC, ids=label)
def test_a_residual_net_computes_what_its_nodes_compute(fork_sizing, fork_model, cache, traffic):
    target = fork_sizing.target
    inputs = inputs_of(target)
    run = simulate(target, inputs, cache=cache, traffic=traffic)
    assert agree(run.outputs, outputs_of(fork_model, inputs))
    # Nothing is lost on the way. A padding may run ahead: it needs no input to begin a frame.
    streams = {s.tensor: s for k in target.graph.kernels for s in (*k.outputs, *k.inputs)}
    for edge in run.edges:
        frame = streams[edge.tensor].words
        assert FRAMES * frame <= edge.words < (FRAMES + 1) * frame


@pytest.mark.parametrize("traffic", [TRAFFIC[0], TRAFFIC[3]], ids=label)
def test_a_net_with_width_converters_computes_what_its_nodes_compute(linear, cache, traffic):
    model, target = linear
    widths = {s.tensor: s.width for k in target.graph.kernels for s in k.outputs}
    assert any(
        widths.get(s.tensor, s.width) != s.width for k in target.graph.kernels for s in k.inputs
    ), "no edge converts widths"
    inputs = inputs_of(target)
    run = simulate(target, inputs, cache=cache, traffic=traffic)
    assert agree(run.outputs, outputs_of(model, inputs))


def test_golden_model_agrees(linear, cache):
    _, target = linear
    inputs = inputs_of(target)
    expected = target.graph.run(inputs)
    for tensor, values in simulate(target, inputs, cache=cache).outputs.items():
        assert np.array_equal(values, expected[tensor])


def test_frames_divided_among_processes_give_the_same(linear, cache):
    _, target = linear
    inputs = inputs_of(target)
    alone, divided = (simulate(target, inputs, cache=cache, jobs=jobs) for jobs in (1, 4))
    assert agree(divided.outputs, alone.outputs)
    assert sorted(len(frames) for frames in divided.timing) == [1, 1, 2, 2]


def test_timing(linear, cache):
    _, target = linear
    run = simulate(target, inputs_of(target), cache=cache)
    # A matrix unit's cycles are exact; what reads windows may overlap frames and do better.
    kernels = target.graph.kernels
    slowest = max(kernel.cycles for kernel in kernels if kernel.op == "MVAU_rtl")
    first_in, last_in, first_out, last_out = run.timing[0].astype(int).T
    assert (first_in <= last_in).all()
    assert (first_out <= last_out).all()
    assert (np.diff(last_out) > 0).all()
    assert first_in[0] == 0
    assert run.latency == last_out[0] + 1
    assert slowest <= run.cycles_per_frame
    assert set(run.stalls) == {kernel.name for kernel in kernels}
    assert max(node.blocked for node in run.stalls.values()) > 0, "somebody waits on the slowest"
    assert max(node.starved for node in run.stalls.values()) > 0


@pytest.mark.parametrize("mended", [True, False], ids=["staged", "upstream"])
def test_a_matrix_unit_loses_no_results(mended, cache, tmp_path, monkeypatch):
    """FINN's own does, if SIMD = MW; once it no longer does, the rule can go."""
    if not mended:
        rules = [rule for rule in staging.RULES if rule.name != "matrix unit's output queue"]
        monkeypatch.setattr(staging, "RULES", tuple(rules))
    net = Builder()
    x = net.input((1, 3, 3, 3))
    target = emitter(net.model(net.matrix(x, 8, simd=3)), tmp_path)({})
    inputs = inputs_of(target)
    run = simulate(target, inputs, cache=cache, traffic=Traffic(pause_out=50, seed=1))
    expected = {name: target.graph.run(inputs)[name] for name in run.outputs}
    assert agree(run.outputs, expected) == mended


@pytest.mark.parametrize("mended", [True, False], ids=["staged", "upstream"])
def test_windows_given_at_once_may_be_as_wide_as_their_map(mended, cache, tmp_path, monkeypatch):
    """Or a pixel less; FINN's own line buffer delays by a word too many."""
    if not mended:
        rules = [rule for rule in staging.RULES if rule.name != "line buffer's shortest lengths"]
        monkeypatch.setattr(staging, "RULES", tuple(rules))
    net = Builder()
    windows = [net.windows(net.input((1, 5, w, 2)), simd=2, parallel=True) for w in (3, 4, 5)]
    target = emitter(net.model(*windows), tmp_path)({})
    inputs = inputs_of(target)
    run = simulate(target, inputs, cache=cache, traffic=Traffic(pause_in=30, pause_out=30, seed=1))
    expected = target.graph.run(inputs)
    right = [agree({name: run.outputs[name]}, {name: expected[name]}) for name in windows]
    assert right == [mended, mended, True]


@pytest.mark.parametrize("mended", [True, False], ids=["staged", "upstream"])
def test_a_window_may_have_two_words(mended, cache, tmp_path, monkeypatch):
    """In FINN's own the second is never the last: it stops."""
    if not mended:
        rules = [rule for rule in staging.RULES if rule.name != "window generator's last word"]
        monkeypatch.setattr(staging, "RULES", tuple(rules))
    net = Builder()
    target = emitter(net.model(net.windows(net.input((1, 2, 1, 1)), kernel=(2, 1))), tmp_path)({})
    inputs = inputs_of(target)
    expected = nullcontext() if mended else pytest.raises(Deadlock)
    with expected:
        run = simulate(target, inputs, cache=cache)
        assert agree(run.outputs, {name: target.graph.run(inputs)[name] for name in run.outputs})


def test_a_frame_alone_has_no_period(linear, cache):
    _, target = linear
    inputs = {name: values[:1] for name, values in inputs_of(target).items()}
    assert simulate(target, inputs, cache=cache).cycles_per_frame is None


def test_a_paced_source_sets_the_period(linear, cache):
    _, target = linear
    run = simulate(target, inputs_of(target), cache=cache, traffic=Traffic(pace=1000))
    assert run.cycles_per_frame == 1000


def test_a_node_alone(linear, cache, tmp_path):
    _, whole = linear
    node = next(k for k in whole.graph.kernels if k.op == "Thresholding_rtl")
    target = Target.node(whole.design, whole.folder, node.name)
    frames = random_frames(node.inputs[0])
    waveform = tmp_path / "node.vcd"
    run = simulate(target, {node.inputs[0].tensor: frames}, cache=cache, waveform=waveform)
    (expected,) = node.golden(frames)
    assert np.array_equal(run.outputs[node.outputs[0].tensor], expected)
    assert "s_axis_0_tdata" in waveform.read_text()
    assert run.edges == ()


def test_a_compressed_waveform(linear, cache, tmp_path):
    if not verilate._has_header("lz4.h", cache):
        pytest.skip("FST waveforms need lz4's headers")
    _, whole = linear
    node = next(k for k in whole.graph.kernels if k.op == "Thresholding_rtl")
    target = Target.node(whole.design, whole.folder, node.name)
    inputs = {node.inputs[0].tensor: random_frames(node.inputs[0])}
    run = simulate(target, inputs, cache=cache, waveform=tmp_path / "node.fst")
    block, length, start, end = struct.unpack(">BQQQ", (tmp_path / "node.fst").read_bytes()[:25])
    assert (block, length, start) == (0, 329, 0), "FST's header"
    assert 2 * run.cycles <= end < 2 * run.cycles + 100, "two steps a cycle, and those of reset"
    assert [path.name for path in tmp_path.iterdir()] == ["node.fst"]


def test_a_waveform_of_another_format(linear, cache, tmp_path):
    _, target = linear
    with pytest.raises(OutputError, match=r"is no waveform; name a file \*\.fst or \*\.vcd"):
        simulate(target, inputs_of(target), cache=cache, waveform=tmp_path / "wave.ghw")


def test_a_node_that_is_not_there(linear):
    _, whole = linear
    with pytest.raises(ModelError, match=r"there is no node 'Pool_0'; its nodes are FMPadding"):
        Target.node(whole.design, whole.folder, "Pool_0")


def test_a_moved_folder_simulates_the_same(linear, cache, tmp_path):
    _, target = linear
    inputs = inputs_of(target)
    before = simulate(target, inputs, cache=cache)
    moved = tmp_path / "elsewhere"
    shutil.copytree(target.folder, moved)
    for source in moved.rglob("*"):
        assert source.is_dir() or str(target.folder).encode() not in source.read_bytes(), source
    away = target.folder.rename(tmp_path / "away")
    try:
        after = simulate(replace(target, folder=moved), inputs, cache=cache)
    finally:
        away.rename(target.folder)
    assert agree(after.outputs, before.outputs)


def test_too_shallow_a_fifo_deadlocks_and_names_who_waits_on_whom(
    fork_sizing, fork_model, cache, tmp_path
):
    # The body's windows need more pixels than the other way's FIFO holds.
    skip = "DuplicateStreams_rtl_0_out1"
    assert fork_sizing.depths[skip] > 2
    target = emitter(fork_model, tmp_path)(fork_sizing.depths | {skip: 2})
    with pytest.raises(Deadlock) as caught:
        simulate(target, inputs_of(target), cache=cache)
    message = str(caught.value)
    assert "DuplicateStreams_rtl_0 waits on ElementwiseAdd_hls_0" in message
    assert f"{skip!r} is full, FIFO depth 2" in message
    assert "FMPadding_rtl_0 waits on DuplicateStreams_rtl_0" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, :, :3], r"frames of shape \(4, 3, 1\)"),
        (lambda x: x + 1, "values 1 to 256 do not fit"),
        (lambda x: x[:0], "frames"),
    ],
    ids=["shape", "range", "none"],
)
def test_a_wrong_input_is_told_before_anything_is_built(linear, tmp_path, change, message):
    _, target = linear
    inputs = {name: change(values) for name, values in inputs_of(target).items()}
    with pytest.raises(ModelError, match=message):
        simulate(target, inputs, cache=tmp_path / "unused")
    assert not (tmp_path / "unused").exists()


def test_an_interrupted_build_leaves_nothing(linear, tmp_path, monkeypatch):
    from hwsubnet import tools

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(tools, "run", interrupted)
    _, target = linear
    with pytest.raises(KeyboardInterrupt):
        simulate(target, inputs_of(target), cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
