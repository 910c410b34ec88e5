"""Networks: published sizes, every input shape, and files."""

import pytest
import torch

from hwsubnet.artifacts import NetworkSpec, Precision
from hwsubnet.compact import count
from hwsubnet.errors import ConfigError, ModelError, OutputError
from hwsubnet.models import MODELS, build, load_network, save_weights
from hwsubnet.quant import set_quantization

DIGITS, FASHION, CIFAR = (1, 8, 8), (1, 28, 28), (3, 32, 32)


def spec(name, shape=CIFAR, **more):
    return NetworkSpec(name=name, input_shape=shape, classes=10, **more)


def test_resnet32_has_the_parameters_and_activations_of_the_paper():
    counts = count(build(spec("resnet32")), CIFAR)
    assert counts.parameters == 466_906
    assert counts.activations == 315_392
    assert counts.activations_paper == 1_261_588


def test_resnet8_is_the_network_of_mlperf_tiny():
    counts = count(build(spec("resnet8")), CIFAR)
    assert counts.weights == 77_360
    assert counts.macs == 12_501_632


def test_cnv_is_small_enough_for_the_smallest_boards():
    network = build(spec("cnv", FASHION))
    assert count(network, FASHION).macs == 7_482_496
    assert sum(isinstance(m, torch.nn.Conv2d) for m in network.modules()) == 4


CLASSIFIERS = [name for name, model in MODELS.items() if model.task == "classification"]
LONG = ("resnet56", "mobilenetv2", "densenet40", "densenet121")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in CLASSIFIERS]
)
@pytest.mark.parametrize("shape", [DIGITS, FASHION, CIFAR], ids=["digits", "fashion", "cifar"])
def test_every_network_takes_every_data_set(name, shape):
    network = build(spec(name, shape, width=0.125 if name in LONG else 0.5))
    set_quantization(network, weights=True, activations=True)
    scores = network(torch.rand(2, *shape))
    assert scores.shape == (2, 10)
    scores.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_width_scales_hidden_layers_only():
    half = build(spec("lenet", FASHION, width=0.5))
    assert half.body.conv1.conv.weight.shape == (8, 1, 5, 5)
    assert half.classifier.out_features == 10
    assert build(spec("mlp", width=0.001)).body.fc1.linear.out_features == 1


def test_precision_reaches_every_quantizer():
    network = build(spec("resnet8", precision=Precision(weight_bits=3, activation_bits=5)))
    block = network.body.stage2[0]
    assert block.conv1.conv.weight_quant.tensor_quant.bit_width == 3
    assert block.add.quant.quantizer.bit_width == 5
    assert block.activation.quant.quantizer.bit_width == 5
    assert network.input.quantizer.bit_width == 8


def test_unknown_names_and_small_images_are_refused():
    with pytest.raises(ConfigError, match=r"no network 'vgg'; choose one of mlp, lenet, cnv"):
        build(spec("vgg"))
    with pytest.raises(ConfigError, match=r"images of 4x4 are too small \(at least 8x8\)"):
        build(spec("mlp", (1, 4, 4)))


def test_files_hold_all_of_a_network(tmp_path):
    torch.manual_seed(0)
    network = build(spec("lenet", DIGITS))
    set_quantization(network, weights=True, activations=True)
    network(torch.rand(4, *DIGITS)).sum().backward()
    save_weights(network, tmp_path / "w.safetensors")
    again = load_network(spec("lenet", DIGITS), tmp_path / "w.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    image = torch.rand(3, *DIGITS)
    assert torch.equal(network.eval()(image), again(image))


def test_a_file_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        save_weights(build(spec("mlp", DIGITS)), tmp_path / "file" / "w.safetensors")


def test_files_that_are_damaged_missing_or_of_another_network_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(ModelError, match="is not a readable safetensors file"):
        load_network(spec("mlp"), path)
    save_weights(build(spec("mlp", DIGITS)), path)
    with pytest.raises(ModelError, match="does not hold the network 'lenet'") as caught:
        load_network(spec("lenet", DIGITS), path)
    assert len(str(caught.value)) < 500
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is not a readable safetensors file"):
        load_network(spec("mlp", DIGITS), path)
