"""Verification finds what is wrong, and forgives rounding boundaries only."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.qonnx_models import Model
from support.quantized_networks import images, lowered_network

from hwsubnet.boards import load_board
from hwsubnet.errors import Mismatch, ModelError
from hwsubnet.lower import lower, verify


def mutate(out, name, change):
    """Change one constant of the streamlined graph."""
    path = out / "streamlined.onnx"
    model = onnx.load(path)
    tensor = next(t for t in model.graph.initializer if t.name.endswith(name))
    array = change(numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    path.write_bytes(model.SerializeToString())


def late_step(array):
    array[:, 1] += 60
    return array


def one_output(array):
    array[0] += 1
    return array


@pytest.mark.parametrize(
    ("name", "change"),
    [("_thresholds", late_step), ("_weight", one_output)],
)
def test_a_wrong_graph_is_found(tmp_path, name, change):
    lowered, out, path = lowered_network("cnn", tmp_path)
    mutate(out, name, change)
    with pytest.raises(Mismatch, match="no rounding boundary lies within"):
        verify(lowered, out, path, images("cnn", 32))


def test_a_wrong_last_layer_is_found(tmp_path):
    lowered, out, path = lowered_network("cnn", tmp_path)
    last = onnx.load(out / "streamlined.onnx").graph.node[-1].output[0]
    mutate(out, f"{last}_weight", one_output)
    with pytest.raises(Mismatch, match="although all activations agree"):
        verify(lowered, out, path, images("cnn", 32))


def test_another_model_is_refused(tmp_path):
    lowered, out, _ = lowered_network("cnn", tmp_path)
    _, _, other = lowered_network("mlp", tmp_path)
    with pytest.raises(ModelError, match="is not the model that was lowered"):
        verify(lowered, out, other, images("mlp", 4))


def test_rounding_boundaries_are_counted(tmp_path):
    """Sums of 0.1 that are a tie exactly are not in float32; the difference is no mistake."""
    model = Model((1, 16))
    q = model.quant("x", scale=0.1, bits=8)
    total = model.add(
        "MatMul", q, model.quant(model.constant(np.full((16, 2), 0.7)), 0.7, signed=1)
    )
    level = model.quant(total, scale=0.14, bits=8, signed=1)
    y = model.add("MatMul", level, model.weights(2, 3))
    path = model.save(tmp_path / "m.onnx", y)
    lowered = lower(path, tmp_path / "out", load_board("Pynq-Z2"))
    x = (np.random.default_rng(0).integers(0, 20, (400, 16)) * 0.1).astype(np.float32)
    result = verify(lowered, tmp_path / "out", path, x)
    assert result.images == 400
    assert 0 < result.differing == result.on_boundary < 400
