"""Networks that score every pixel: UNet, and full-resolution residual networks."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class UNet(nn.Module):
    """Encoder, decoder and skips (Ronneberger et al., MICCAI 2015).

    As is common today, convolutions are padded and have norms. The decoder enlarges by repeating
    pixels and convolves, which hardware can do, in place of a transposed convolution.

    Parameters
    ----------
    channels, classes
        Of the image, and of the scores.
    width
        Multiplier on the widths, 64 to 1024.
    levels
        How often the encoder halves the image, whose sides must be multiples of 2^levels.
    """

    def __init__(self, channels: int, classes: int, width: float = 1.0, levels: int = 4) -> None:
        super().__init__()
        widths = [max(1, round(64 * 2**level * width)) for level in range(levels + 1)]
        self.stem = _double(channels, widths[0])
        self.pool, self.enlarge = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="nearest")
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList([_double(fine, coarse) for fine, coarse in pairs])
        self.up = nn.ModuleList([_conv_norm(coarse, fine, 3) for fine, coarse in pairs])
        self.join = nn.ModuleList([_double(2 * fine, fine) for fine, _ in pairs])
        self.classifier = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to (N, classes, H, W)."""
        skips = [self.stem(image)]
        for down in self.down:
            skips.append(down(self.pool(skips[-1])))
        x = skips.pop()
        for up, join in zip(reversed(self.up), reversed(self.join), strict=True):
            x = join(torch.cat([skips.pop(), up(self.enlarge(x))], 1))
        scores: Tensor = self.classifier(x)
        return scores


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv_norm(channels, channels, 3)
        self.conv2 = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, C, H, W)."""
        y: Tensor = x + self.conv2(self.conv1(x))
        return y


class FullResolutionUnit(nn.Module):
    """Reads both streams, computes at low resolution, and adds to the full-resolution stream."""

    def __init__(self, inputs: int, outputs: int, residual: int, scale: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(scale)
        self.conv1 = _conv_norm(inputs + residual, outputs, 3)
        self.conv2 = _conv_norm(outputs, outputs, 3)
        self.project = nn.Conv2d(outputs, residual, 1)
        self.enlarge = nn.Upsample(scale_factor=scale, mode="nearest")

    def forward(self, pooled: Tensor, full: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H / scale, W / scale) and (N, R, H, W) to the same, with C_out for C."""
        pooled = self.conv2(self.conv1(torch.cat([pooled, self.pool(full)], 1)))
        return pooled, full + self.enlarge(self.project(pooled))


class FullResolutionNetwork(nn.Module):
    """FRRN (Pohlen et al., CVPR 2017): a pooling stream and a stream at full resolution.

    Parameters
    ----------
    channels, classes
        Of the image, and of the scores.
    width
        Multiplier on the widths.
    encoder, decoder
        Units, their channels and the scale that they work at; scales double, then halve, and the
        image's sides must be multiples of the largest.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        width: float = 1.0,
        *,
        encoder: Sequence[tuple[int, int, int]],
        decoder: Sequence[tuple[int, int, int]],
    ) -> None:
        super().__init__()
        base, residual = max(1, round(48 * width)), max(1, round(32 * width))
        self.stem = nn.Sequential(
            _conv_norm(channels, base, 5), *(ResidualUnit(base) for _ in range(3))
        )
        self.split = nn.Conv2d(base, residual, 1)
        self.pool, self.enlarge = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="nearest")
        inputs = base
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for part, specification in ((self.encoder, encoder), (self.decoder, decoder)):
            for units, wide, scale in specification:
                outputs = max(1, round(wide * width))
                stage = nn.ModuleList()
                for _ in range(units):
                    stage.append(FullResolutionUnit(inputs, outputs, residual, scale))
                    inputs = outputs
                part.append(stage)
        self.merge = nn.Conv2d(inputs + residual, base, 1)
        self.head = nn.Sequential(*(ResidualUnit(base) for _ in range(3)))
        self.classifier = nn.Conv2d(base, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to (N, classes, H, W)."""
        pooled = self.stem(image)
        full = self.split(pooled)
        for part, resize in ((self.encoder, self.pool), (self.decoder, self.enlarge)):
            for stage in part:
                pooled = resize(pooled)
                for unit in stage.children():
                    pooled, full = unit(pooled, full)
        x = self.merge(torch.cat([self.enlarge(pooled), full], 1))
        scores: Tensor = self.classifier(self.head(x))
        return scores


def frrn_a(channels: int, classes: int, width: float = 1.0) -> FullResolutionNetwork:
    """Build FRRN A, for images at up to 256x512: sides are multiples of 16."""
    return FullResolutionNetwork(
        channels,
        classes,
        width,
        encoder=[(3, 96, 2), (4, 192, 4), (2, 384, 8), (2, 384, 16)],
        decoder=[(2, 192, 8), (2, 192, 4), (2, 96, 2)],
    )


def frrn_b(channels: int, classes: int, width: float = 1.0) -> FullResolutionNetwork:
    """Build FRRN B, which goes one scale deeper: sides are multiples of 32."""
    return FullResolutionNetwork(
        channels,
        classes,
        width,
        encoder=[(3, 96, 2), (4, 192, 4), (2, 384, 8), (2, 384, 16), (2, 384, 32)],
        decoder=[(2, 192, 16), (2, 192, 8), (2, 192, 4), (2, 96, 2)],
    )


def _conv_norm(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_conv_norm(inputs, outputs, 3), _conv_norm(outputs, outputs, 3))
