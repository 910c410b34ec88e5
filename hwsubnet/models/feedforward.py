"""Networks without branches: MLP, LeNet and the VGG-like CNV."""

from torch import nn

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.models.blocks import ConvBlock, LinearBlock, Network


def widths(spec: NetworkSpec, *base: int) -> list[int]:
    """Scale hidden widths by the network's width multiplier, to at least one channel."""
    return [max(1, round(width * spec.width)) for width in base]


def mlp(spec: NetworkSpec) -> Network:
    """Build three hidden layers of 64, as the TFC networks of BNN-PYNQ have."""
    channels, height, wide = spec.input_shape
    hidden = widths(spec, 64, 64, 64)
    body = nn.Sequential(nn.Flatten())
    inputs = channels * height * wide
    for index, outputs in enumerate(hidden, start=1):
        body.add_module(f"fc{index}", LinearBlock(inputs, outputs, spec.precision))
        inputs = outputs
    return Network(body, inputs, spec.classes, spec.precision)


def lenet(spec: NetworkSpec) -> Network:
    """Build LeNet-5 in today's form: padded 5x5 convolutions, norms, ReLU, max pooling."""
    channels, height, wide = spec.input_shape
    first, second, third, fourth = widths(spec, 16, 32, 128, 64)
    body = nn.Sequential()
    body.add_module("conv1", ConvBlock(channels, first, 5, spec.precision))
    body.add_module("pool1", nn.MaxPool2d(2))
    body.add_module("conv2", ConvBlock(first, second, 5, spec.precision))
    body.add_module("pool2", nn.MaxPool2d(2))
    body.add_module("flatten", nn.Flatten())
    positions = (height // 4) * (wide // 4)
    body.add_module("fc1", LinearBlock(second * positions, third, spec.precision))
    body.add_module("fc2", LinearBlock(third, fourth, spec.precision))
    return Network(body, fourth, spec.classes, spec.precision)


def cnv(spec: NetworkSpec) -> Network:
    """Build a VGG-like network: four 3x3 convolutions, pooled twice; 7.5 M MACs at 28x28.

    The first layers, which run at the higher resolutions, are narrow. All widths are multiples of
    32, so that foldings have divisors to choose from, also where three quarters were pruned.
    """
    channels, height, wide = spec.input_shape
    first, second, third, fourth = widths(spec, 32, 32, 64, 64)
    body = nn.Sequential()
    body.add_module("conv1", ConvBlock(channels, first, 3, spec.precision))
    body.add_module("pool1", nn.MaxPool2d(2))
    body.add_module("conv2", ConvBlock(first, second, 3, spec.precision))
    body.add_module("conv3", ConvBlock(second, third, 3, spec.precision))
    body.add_module("pool2", nn.MaxPool2d(2))
    body.add_module("conv4", ConvBlock(third, fourth, 3, spec.precision))
    body.add_module("flatten", nn.Flatten())
    positions = (height // 4) * (wide // 4)
    return Network(body, fourth * positions, spec.classes, spec.precision)
