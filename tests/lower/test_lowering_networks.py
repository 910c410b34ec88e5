"""Networks of every topology lower completely, and mean the same as the QONNX model."""

import numpy as np
import onnx
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from support.quantized_networks import NETWORKS, images, lowered_network

from hwsubnet.artifacts import LoweredGraph
from hwsubnet.lower import quantize_input, verify
from hwsubnet.lower.execute import Executor

SMALL = [name for name in NETWORKS if not name.startswith("cnv")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lowered")


def run_dataflow(path, frames):
    """Run the hardware graph frame by frame in FINN's Python execution of its abstract layers.

    Specialized depthwise windows reorder their channels for the folding; abstract ones do not.
    """
    model = ModelWrapper(str(path))
    for node in model.graph.node:
        node.domain, style = node.domain.rsplit(".", 1)
        node.op_type = node.op_type.removesuffix(f"_{style}")
    name = model.graph.input[0].name
    outputs = []
    for frame in frames:
        last = np.moveaxis(frame, 0, -1)[None].astype(np.float32)
        (result,) = execute_onnx(model, {name: last}).values()
        outputs.append(np.moveaxis(result, -1, 1)[0])
    return np.stack(outputs)


@pytest.mark.parametrize("name", SMALL)
def test_everything_becomes_hardware(name, folder):
    lowered, out, _ = lowered_network(name, folder)
    assert lowered.coverage.left == ()
    assert lowered.coverage.converted > 5
    assert LoweredGraph.load(out) == lowered
    nodes = onnx.load(out / "dataflow.onnx").graph.node
    assert all(node.domain.startswith("finn.custom_op.fpgadataflow.") for node in nodes)
    assert len({node.name for node in nodes}) == len(nodes)


@pytest.mark.parametrize("name", SMALL)
def test_equals_the_qonnx_model(name, folder):
    lowered, out, path = lowered_network(name, folder)
    result = verify(lowered, out, path, images(name, 64))
    assert result.images == 64
    assert result.differing == result.on_boundary


@pytest.mark.parametrize("name", SMALL)
def test_dataflow_equals_streamlined(name, folder):
    lowered, out, _ = lowered_network(name, folder)
    frames = quantize_input(images(name, 2), lowered.input)
    expected = Executor(onnx.load(out / "streamlined.onnx")).run(frames)
    np.testing.assert_array_equal(run_dataflow(out / "dataflow.onnx", frames), expected)


@pytest.mark.parametrize("name", ["cnn", "resnet", "unet"])
def test_streamlined_runs_in_qonnx(name, folder):
    """The file is a standard model: QONNX's own interpreter gives what the batch executor gives."""
    lowered, out, _ = lowered_network(name, folder)
    frames = quantize_input(images(name, 2), lowered.input)
    expected = Executor(onnx.load(out / "streamlined.onnx")).run(frames)
    model = ModelWrapper(str(out / "streamlined.onnx"))
    for frame, wanted in zip(frames, expected, strict=True):
        (given,) = execute_onnx(model, {"input": frame[None].astype(np.float32)}).values()
        np.testing.assert_array_equal(given[0], wanted)


@pytest.mark.parametrize("name", ["cnn", "resnet", "tfc-1w1a"])
def test_ranges_bound_every_tensor(name, folder):
    """Datatypes come from exact ranges; no value on extreme or random images lies outside."""
    lowered, out, _ = lowered_network(name, folder)
    model = ModelWrapper(str(out / "streamlined.onnx"))
    low, high = lowered.input.clip
    shape = quantize_input(images(name, 1), lowered.input).shape[1:]
    rng = np.random.default_rng(3)
    frames = rng.integers(low, high + 1, (16, *shape))
    frames[0], frames[1] = low, high
    seen = {}

    def watch(node, values):
        seen[node.output[0]] = values.min(), values.max()

    Executor(model.model).run(frames, watch)
    assert len(seen) > 3
    for tensor, ends in seen.items():
        datatype = model.get_tensor_datatype(tensor)
        assert all(datatype.allowed(end) for end in ends), (tensor, datatype, ends)


def test_layers_are_traceable(folder):
    """Every hardware node names the layer of the network that it serves."""
    _, out, _ = lowered_network("cnn", folder)
    nodes = onnx.load(out / "dataflow.onnx").graph.node
    layers = [next(p.value for p in node.metadata_props if p.key == "layer") for node in nodes]
    by_matrix = [
        layer for node, layer in zip(nodes, layers, strict=True) if node.op_type == "MVAU_rtl"
    ]
    assert len(set(by_matrix)) == 3
    assert set(layers) == set(by_matrix)


def test_lowering_twice_gives_the_same_files(folder, tmp_path):
    first, _, _ = lowered_network("resnet", folder)
    _, _, path = lowered_network("resnet", folder)
    from hwsubnet.boards import load_board
    from hwsubnet.lower import lower

    assert lower(path, tmp_path, load_board("Pynq-Z2")) == first


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name.startswith("cnv")])
def test_bnn_pynq_cnv(name, folder):
    lowered, out, path = lowered_network(name, folder)
    assert lowered.coverage.left == ()
    result = verify(lowered, out, path, images(name, 32))
    assert result.differing == result.on_boundary
    frames = quantize_input(images(name, 1), lowered.input)
    expected = Executor(onnx.load(out / "streamlined.onnx")).run(frames)
    np.testing.assert_array_equal(run_dataflow(out / "dataflow.onnx", frames), expected)
