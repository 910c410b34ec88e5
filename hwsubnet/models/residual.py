"""Residual networks for small images (He et al., CVPR 2016, section 4.2), option B shortcuts."""

from torch import Tensor, nn

from hwsubnet.artifacts import NetworkSpec, Precision
from hwsubnet.models.blocks import Activation, Addend, ConvBlock, Network
from hwsubnet.models.feedforward import widths
from hwsubnet.quant import QuantAdd


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: 1x1 with norm where the shape changes (option B)."""

    def __init__(self, inputs: int, outputs: int, stride: int, precision: Precision) -> None:
        super().__init__()
        self.conv1 = ConvBlock(inputs, outputs, 3, precision, stride)
        self.conv2 = Addend(outputs, outputs, 3, precision)
        changes = inputs != outputs or stride != 1
        self.shortcut = Addend(inputs, outputs, 1, precision, stride) if changes else nn.Identity()
        self.add = QuantAdd(precision)
        self.activation = Activation(outputs, precision)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        y: Tensor = self.activation(self.add(self.conv2(self.conv1(x)), self.shortcut(x)))
        return y


def resnet(spec: NetworkSpec, blocks: int) -> Network:
    """Build ResNet-(6 n + 2) with n `blocks` per stage of 16, 32 and 64 channels.

    The global average is quantized like any activation, so that hardware can take the sum of the
    positions and leave the division to the next thresholds.
    """
    stages = widths(spec, 16, 32, 64)
    inputs = stages[0]
    body = nn.Sequential()
    body.add_module("stem", ConvBlock(spec.input_shape[0], inputs, 3, spec.precision))
    for number, outputs in enumerate(stages, start=1):
        stage = nn.Sequential()
        for index in range(blocks):
            stride = 2 if number > 1 and index == 0 else 1
            stage.append(ResidualBlock(inputs, outputs, stride, spec.precision))
            inputs = outputs
        body.add_module(f"stage{number}", stage)
    body.add_module("pool", nn.AdaptiveAvgPool2d(1))
    body.add_module("pooled", Activation(inputs, spec.precision))
    body.add_module("flatten", nn.Flatten())
    return Network(body, inputs, spec.classes, spec.precision)


def resnet8(spec: NetworkSpec) -> Network:
    """Build the image classifier of MLPerf Tiny: 77,360 weights, 12,501,632 MACs at 3x32x32."""
    return resnet(spec, 1)


def resnet20(spec: NetworkSpec) -> Network:
    """Build He et al.'s network of twenty layers."""
    return resnet(spec, 3)


def resnet32(spec: NetworkSpec) -> Network:
    """Build the network of Zhang, Colbert & Das' CIFAR-10 table: 466,906 parameters."""
    return resnet(spec, 5)


def resnet56(spec: NetworkSpec) -> Network:
    """Build He et al.'s network of fifty-six layers."""
    return resnet(spec, 9)
