"""MobileNetV2 (Sandler et al., CVPR 2018) for images of 32x32 pixels."""

from typing import Any

from torch import Tensor, nn

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and first stride; the stem and the second stage keep the size."""


class InvertedResidual(nn.Module):
    """Wider, depthwise, narrow again and linear; added to its input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = _conv_norm(inputs, hidden, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _conv_norm(hidden, hidden, 3, stride=stride, groups=hidden)
        self.project = nn.Sequential(
            nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """Images to class scores.

    Parameters
    ----------
    channels, classes
        Of the image, and of the scores.
    width
        Multiplier on every width.
    """

    def __init__(self, channels: int, classes: int, width: float = 1.0) -> None:
        super().__init__()
        inputs, last = _scaled(32, width), _scaled(1280, width)
        self.stem = _conv_norm(channels, inputs, 3)
        self.blocks = nn.Sequential()
        for expansion, base, blocks, first_stride in STAGES:
            outputs = _scaled(base, width)
            for index in range(blocks):
                stride = first_stride if index == 0 else 1
                self.blocks.append(InvertedResidual(inputs, outputs, expansion, stride))
                inputs = outputs
        self.head = _conv_norm(inputs, last, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(last, classes)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to (N, classes)."""
        features = self.pool(self.head(self.blocks(self.stem(image)))).flatten(1)
        scores: Tensor = self.classifier(features)
        return scores


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def _conv_norm(inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **options),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )
