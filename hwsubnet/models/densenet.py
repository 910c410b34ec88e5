"""DenseNets (Huang et al., CVPR 2017) for images of 32x32 pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DenseLayer(nn.Module):
    """Norm, ReLU, 3x3 convolution, behind a 1x1 bottleneck if asked; appends to its input."""

    def __init__(self, inputs: int, growth: int, *, bottleneck: bool) -> None:
        super().__init__()
        hidden = 4 * growth if bottleneck else inputs
        self.bottleneck = _norm_conv(inputs, hidden, 1) if bottleneck else nn.Identity()
        self.conv = _norm_conv(hidden, growth, 3)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C + growth, H, W)."""
        return torch.cat([features, self.conv(self.bottleneck(features))], 1)


class DenseNet(nn.Module):
    """Images to class scores.

    Parameters
    ----------
    channels, classes
        Of the image, and of the scores.
    blocks
        Layers in each block; between two blocks stands a 1x1 convolution and an average pool.
    growth
        Channels that a layer appends.
    stem
        Channels of the first layer.
    bottleneck
        Whether layers have bottlenecks, and transitions halve the channels (DenseNet-BC).
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        blocks: Sequence[int],
        growth: int,
        stem: int,
        bottleneck: bool,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, stem, 3, padding=1, bias=False)
        self.blocks = nn.Sequential()
        width = stem
        for number, layers in enumerate(blocks):
            if number:
                outputs = width // 2 if bottleneck else width
                self.blocks.append(nn.Sequential(_norm_conv(width, outputs, 1), nn.AvgPool2d(2)))
                width = outputs
            block = nn.Sequential()
            for _ in range(layers):
                block.append(DenseLayer(width, growth, bottleneck=bottleneck))
                width += growth
            self.blocks.append(block)
        self.norm, self.relu = nn.BatchNorm2d(width), nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to (N, classes)."""
        features = self.relu(self.norm(self.blocks(self.stem(image))))
        scores: Tensor = self.classifier(self.pool(features).flatten(1))
        return scores


def densenet40(channels: int, classes: int, width: float = 1.0) -> DenseNet:
    """Build the network of 40 layers that grows by 12, without bottlenecks."""
    growth, stem = max(1, round(12 * width)), max(1, round(16 * width))
    return DenseNet(
        channels, classes, blocks=(12, 12, 12), growth=growth, stem=stem, bottleneck=False
    )


def densenet121(channels: int, classes: int, width: float = 1.0) -> DenseNet:
    """Build DenseNet-121 as it is used on CIFAR: it grows by 32, and its stem keeps the size."""
    growth = max(1, round(32 * width))
    return DenseNet(
        channels, classes, blocks=(6, 12, 24, 16), growth=growth, stem=2 * growth, bottleneck=True
    )


def _norm_conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
    )
