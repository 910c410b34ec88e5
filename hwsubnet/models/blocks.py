"""The few building blocks that every network here is made of.

Order at an activation site: norm, ReLU, mask, quantizer (METHODS of Zhang, Colbert & Das: mask,
then quantize).
"""

from torch import Tensor, nn

from hwsubnet.artifacts import Precision
from hwsubnet.convert import Site
from hwsubnet.prune import ChannelMask
from hwsubnet.quant import QuantConv2d, QuantIdentity, QuantLinear, pixels, unsigned


class Activation(Site):
    """ReLU, channel mask, unsigned quantizer."""

    def __init__(self, channels: int, precision: Precision) -> None:
        super().__init__(nn.ReLU(), ChannelMask(channels), unsigned(precision))


class _NormedConv(nn.Module):
    """Convolution and norm; the padding keeps the size at stride 1."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, precision: Precision, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = QuantConv2d(
            inputs, outputs, kernel, stride=stride, padding=kernel // 2, precision=precision
        )
        self.norm = nn.BatchNorm2d(outputs)


class ConvBlock(_NormedConv):
    """Convolution, norm, activation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, precision: Precision, stride: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, precision, stride)
        self.activation = Activation(outputs, precision)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        y: Tensor = self.activation(self.norm(self.conv(x)))
        return y


class LinearBlock(nn.Module):
    """Linear layer, norm, activation."""

    def __init__(self, inputs: int, outputs: int, precision: Precision) -> None:
        super().__init__()
        self.linear = QuantLinear(inputs, outputs, bias=False, precision=precision)
        self.norm = nn.BatchNorm1d(outputs)
        self.activation = Activation(outputs, precision)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in) to (N, C_out)."""
        y: Tensor = self.activation(self.norm(self.linear(x)))
        return y


class Addend(_NormedConv):
    """Convolution, norm, mask: one side of a residual addition, quantized by the addition."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, precision: Precision, stride: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, precision, stride)
        self.mask = ChannelMask(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        y: Tensor = self.mask(self.norm(self.conv(x)))
        return y


class Network(nn.Module):
    """Pixels in [0, 1] to class scores (logits).

    Parameters
    ----------
    body
        Takes the quantized image, gives features (N, F).
    features, classes
        Inputs and outputs of the classifier.
    """

    def __init__(self, body: nn.Module, features: int, classes: int, precision: Precision) -> None:
        super().__init__()
        self.input: QuantIdentity = pixels()
        self.body = body
        self.classifier = QuantLinear(features, classes, bias=True, precision=precision)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to (N, classes)."""
        scores: Tensor = self.classifier(self.body(self.input(image)))
        return scores
