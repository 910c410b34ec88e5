"""The exported model computes what torch computes, from one file."""

import copy
from functools import cache

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from support.networks import SHAPE, RandomNetwork, recipes
from support.training import exercise

from hwsubnet.artifacts import ExportedModel, NetworkSpec
from hwsubnet.compact import remove_channels
from hwsubnet.errors import ModelError
from hwsubnet.export import export
from hwsubnet.models import build
from hwsubnet.prune import find_groups
from hwsubnet.quant import set_quantization


def images(count, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


def run(folder, x):
    model = ModelWrapper(str(folder / "model.onnx"))
    return np.concatenate(
        [execute_onnx(model, {"global_in": x[i : i + 1]})["global_out"] for i in range(len(x))]
    )


@cache
def compact_network(name, shape, **spec):
    torch.manual_seed(0)
    model = build(NetworkSpec(name=name, input_shape=shape, classes=10, **spec))
    exercise(model, shape, sparsity=0.5)
    return remove_channels(model, find_groups(model))


@pytest.mark.parametrize(
    ("name", "shape"),
    [("mlp", (1, 8, 8)), ("lenet", (1, 8, 8)), ("cnv", (1, 28, 28)), ("resnet8", (3, 32, 32))],
)
def test_our_networks(name, shape, tmp_path):
    model = compact_network(name, shape)
    exported = export(model, images(8, shape), tmp_path)
    assert ExportedModel.load(tmp_path) == exported
    golden = np.load(tmp_path / exported.golden.path)
    assert golden["x"].dtype == golden["y"].dtype == np.float32
    np.testing.assert_array_equal(golden["x"] * np.float32(255), images(8, shape).numpy())
    np.testing.assert_array_equal(golden["y"], model(torch.from_numpy(golden["x"])).detach())
    y = run(tmp_path, golden["x"])
    np.testing.assert_array_equal(y.argmax(1), golden["y"].argmax(1))
    # Both compute in float32, but sum in another order.
    np.testing.assert_allclose(y, golden["y"], rtol=1e-4, atol=1e-4)


@settings(max_examples=6)
@given(recipes)
def test_random_networks(tmp_path_factory, recipe):
    """Zero points, depthwise layers, concatenations and plain sums export too."""
    folder = tmp_path_factory.mktemp("random")
    torch.manual_seed(recipe.seed)
    model = exercise(RandomNetwork(recipe), SHAPE, seed=recipe.seed)
    model = remove_channels(model, find_groups(model))
    export(model, images(4, SHAPE, recipe.seed), folder)
    golden = np.load(folder / "golden.npz")
    np.testing.assert_allclose(run(folder, golden["x"]), golden["y"], rtol=1e-4, atol=1e-4)


def test_the_graph_holds_quantizers_weights_and_no_trace_of_masks(tmp_path):
    export(compact_network("resnet8", (3, 32, 32)), images(1, (3, 32, 32)), tmp_path)
    graph = onnx.load(tmp_path / "model.onnx", load_external_data=False).graph
    ops = [node.op_type for node in graph.node]
    assert ops.count("Quant") == 10 + 1 + 8 + 6  # weights, pixels, activations, addends
    assert set(ops) == {
        "Quant", "Conv", "BatchNormalization", "Relu", "Add",
        "GlobalAveragePool", "Flatten", "Gemm",
    }  # fmt: skip
    assert [i.name for i in graph.input] == ["global_in"]
    assert [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim] == [1, 3, 32, 32]
    assert [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim] == [1, 10]
    assert all(t.data_location == onnx.TensorProto.DEFAULT for t in graph.initializer)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "exported.json",
        "golden.npz",
        "model.onnx",
    ]


def test_the_two_addends_of_an_addition_have_the_same_scale(tmp_path):
    export(compact_network("resnet8", (3, 32, 32)), images(1, (3, 32, 32)), tmp_path)
    model = ModelWrapper(str(tmp_path / "model.onnx"))
    additions = [n for n in model.graph.node if n.op_type == "Add" and len(n.input) == 2]
    joins = [[model.find_producer(i) for i in n.input] for n in additions]
    joins = [pair for pair in joins if all(p is not None and p.op_type == "Quant" for p in pair)]
    assert len(joins) == 3
    for one, two in joins:
        assert model.get_initializer(one.input[1]) == model.get_initializer(two.input[1])
        assert model.get_initializer(one.input[2]) == 0


def test_weights_are_narrow_where_asked(tmp_path):
    from hwsubnet.artifacts import Precision

    shape = (1, 8, 8)
    for narrow in (True, False):
        precision = Precision(weight_bits=3, narrow_range=narrow)
        export(compact_network("mlp", shape, precision=precision), images(1, shape), tmp_path)
        graph = onnx.load(tmp_path / "model.onnx").graph
        found = {
            (attributes["narrow"], attributes["signed"])
            for node in graph.node
            if node.op_type == "Quant"
            for attributes in [{a.name: a.i for a in node.attribute}]
        }
        assert found == {(int(narrow), 1), (0, 0)}


def test_export_is_reproducible_and_changes_nothing(tmp_path):
    shape = (1, 8, 8)
    model = copy.deepcopy(compact_network("lenet", shape)).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    one = export(model, images(3, shape), tmp_path / "one")
    two = export(model, images(3, shape), tmp_path / "two")
    assert one == two
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_brevitas_own_export_takes_the_network_as_it_is(tmp_path):
    from brevitas.export import export_qonnx

    shape = (1, 8, 8)
    model = compact_network("lenet", shape)
    path = str(tmp_path / "plain.onnx")
    export_qonnx(model, args=torch.zeros(1, *shape), export_path=path, dynamo=False)
    assert sum(n.op_type == "Quant" for n in onnx.load(path).graph.node) == 10


def test_a_network_that_is_not_quantized_is_refused(tmp_path):
    shape = (1, 8, 8)
    model = copy.deepcopy(compact_network("lenet", shape))
    set_quantization(model, activations=False)
    with pytest.raises(ModelError) as caught:
        export(model, images(1, shape), tmp_path / "out")
    assert str(caught.value) == (
        "body.conv1.activation.quant.act_quant.fused_activation_quant_proxy.tensor_quant: "
        "4 of the network's quantizers are off or have seen no data; "
        "train it with quantization before exporting it"
    )
    assert not (tmp_path / "out").exists()


def test_a_network_that_still_masks_is_refused(tmp_path):
    shape = (1, 8, 8)
    model = exercise(
        build(NetworkSpec(name="mlp", input_shape=shape, classes=10)), shape, sparsity=0.5
    )
    with pytest.raises(ModelError, match="still masks channels; compact the network first"):
        export(model, images(1, shape), tmp_path / "out")


def test_nodes_say_which_layer_they_serve(tmp_path):
    export(compact_network("resnet8", (3, 32, 32)), images(1, (3, 32, 32)), tmp_path)
    layers = {}
    for node in onnx.load(tmp_path / "model.onnx").graph.node:
        for entry in node.metadata_props:
            if entry.key == "layer":
                layers.setdefault(entry.value, set()).add(node.op_type)
    assert "Conv" in layers["stem"]
    assert "Conv" in layers["stage3.0.shortcut"]
    assert "Add" in layers["stage1.0.add"]
    assert {"MatMul", "Gemm"} & layers["classifier"]
