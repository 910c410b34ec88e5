"""A file that cannot be lowered gives one line that says why and what to do."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.qonnx_models import Model

from hwsubnet.boards import load_board
from hwsubnet.errors import ModelError
from hwsubnet.lower import lower
from hwsubnet.lower.read import layer_name


def fails(path, out, pattern):
    with pytest.raises(ModelError, match=pattern) as caught:
        lower(path, out, load_board("Pynq-Z2"))
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    assert not out.exists()


def small(tmp_path):
    model = Model()
    y = model.add("MatMul", model.quant("x"), model.weights(4, 3))
    return model.save(tmp_path / "model.onnx", y)


def test_missing_file(tmp_path):
    fails(tmp_path / "no.onnx", tmp_path / "out", r"cannot be read \(No such file")


@pytest.mark.parametrize("content", [b"", b"\x00\x01not a protocol buffer", b"\x08\x0a" * 400])
def test_not_onnx(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    fails(path, tmp_path / "out", "is not an ONNX model|holds no ONNX graph|breaks an ONNX rule")


def test_truncated(tmp_path):
    path = small(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    fails(path, tmp_path / "out", "is not an ONNX model|breaks an ONNX rule|holds no ONNX graph")


def test_float_only(tmp_path):
    model = Model()
    y = model.add("MatMul", "x", model.constant(np.ones((4, 3))))
    fails(model.save(tmp_path / "m.onnx", y), tmp_path / "out", "has no Quant node: it is a float")


@pytest.mark.parametrize(
    ("op", "domain", "shown"),
    [("Frobnicate", "", "ai.onnx.Frobnicate"), ("Conv", "evil.ops", "evil.ops.Conv")],
)
def test_unknown_op(tmp_path, op, domain, shown):
    model = Model()
    y = model.add(op, model.quant("x"), domain=domain, name="strange")
    path = model.save(tmp_path / "m.onnx", y)
    fails(path, tmp_path / "out", f"'strange' has the unknown op {shown}")


def test_two_inputs(tmp_path):
    model = Model()
    model.inputs.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, (1, 4)))
    y = model.add("Add", model.quant("x"), model.quant("z"))
    path = model.save(tmp_path / "m.onnx", y)
    fails(path, tmp_path / "out", r"has 2 inputs \(x, z\); the accelerator has one input stream")


def test_unknown_image_size(tmp_path):
    model = Model((1, 3, "height", 8))
    path = model.save(tmp_path / "m.onnx", model.conv(model.quant("x"), 4, 3))
    fails(path, tmp_path / "out", "all axes but the batch must be known")


def test_no_layer_left(tmp_path):
    model = Model()
    y = model.add("MatMul", model.quant("x"), model.constant(np.full((4, 3), 0.3)))
    path = model.save(tmp_path / "m.onnx", y)
    fails(
        path, tmp_path / "out", "no layer of it can become hardware: .* weights are not quantized"
    )


def external(tmp_path, location):
    path = small(tmp_path)
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if t.raw_data and len(t.dims) == 2)
    (tmp_path / "data.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "location", ["../data.bin", "/etc/passwd", "a/../../data.bin", "..\\data.bin", "", "link.bin"]
)
def test_external_data_stays_in_its_folder(tmp_path, location):
    folder = tmp_path / "models"
    folder.mkdir()
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"\0" * 48)
    (folder / "link.bin").symlink_to(outside)
    fails(external(folder, location), tmp_path / "out", "outside the model's folder")


def test_external_data_beside_the_model(tmp_path):
    plain = lower(small(tmp_path / "a"), tmp_path / "out-a", load_board("Pynq-Z2"))
    (tmp_path / "b").mkdir()
    path = external(tmp_path / "b", "data.bin")
    assert lower(path, tmp_path / "out-b", load_board("Pynq-Z2")) == plain


def test_names_from_the_file_are_harmless(tmp_path):
    """Node names never reach file names, identifiers or a terminal as they are."""
    model = Model()
    name = "../../x\x1b[31m; $(rm)\n<script>"
    y = model.add("MatMul", model.quant("x"), model.weights(4, 3), name=name)
    y = model.add("Softmax", y, name=name + "2")
    lowered = lower(model.save(tmp_path / "m.onnx", y), tmp_path / "out", load_board("Pynq-Z2"))
    nodes = onnx.load(tmp_path / "out" / "dataflow.onnx").graph.node
    assert [node.name for node in nodes] == ["MVAU_rtl_0"]
    assert lowered.coverage.left[0].op == "Softmax"
    for node in nodes:
        assert all(entry.value == layer_name(entry.value) for entry in node.metadata_props)
        assert "<" not in str(node.metadata_props)
