"""Networks that make images: the CycleGAN generator and a variational autoencoder."""

from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


class TransferBlock(nn.Module):
    """Two 3x3 convolutions with instance norms on reflected borders, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, C, H, W)."""
        y: Tensor = x + self.layers(x)
        return y


class CycleGanGenerator(nn.Module):
    """The residual generator of CycleGAN (Zhu et al., ICCV 2017).

    Instance norms take their statistics from the image at hand, and transposed convolutions
    enlarge, so that most of it stays on the host.

    Parameters
    ----------
    channels
        Of the image, which goes in and comes out.
    width
        Multiplier on the widths, 64 to 256.
    blocks
        Residual blocks, 6 for images of 128x128.
    """

    def __init__(self, channels: int, width: float = 1.0, blocks: int = 6) -> None:
        super().__init__()
        one, two, four = (max(1, round(64 * times * width)) for times in (1, 2, 4))
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(channels, one, 7), nn.InstanceNorm2d(one), nn.ReLU(),
            nn.Conv2d(one, two, 3, 2, 1), nn.InstanceNorm2d(two), nn.ReLU(),
            nn.Conv2d(two, four, 3, 2, 1), nn.InstanceNorm2d(four), nn.ReLU(),
            *(TransferBlock(four) for _ in range(blocks)),
            nn.ConvTranspose2d(four, two, 3, 2, 1, 1), nn.InstanceNorm2d(two), nn.ReLU(),
            nn.ConvTranspose2d(two, one, 3, 2, 1, 1), nn.InstanceNorm2d(one), nn.ReLU(),
            nn.ReflectionPad2d(3), nn.Conv2d(one, channels, 7), nn.Tanh(),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape, in [-1, 1]; sides are multiples of 4."""
        y: Tensor = self.layers(image)
        return y


class PatchDiscriminator(nn.Module):
    """Scores patches of 70x70 pixels as real or made (Isola et al., CVPR 2017).

    Parameters
    ----------
    channels
        Of the image.
    width
        Multiplier on the widths, 64 to 512.
    """

    def __init__(self, channels: int, width: float = 1.0) -> None:
        super().__init__()
        widths = [max(1, round(64 * times * width)) for times in (1, 2, 4, 8)]
        self.layers = nn.Sequential(
            nn.Conv2d(channels, widths[0], 4, stride=2, padding=1), nn.LeakyReLU(0.2)
        )
        for (inputs, outputs), stride in zip(pairwise(widths), (2, 2, 1), strict=True):
            self.layers += nn.Sequential(
                nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(outputs),
                nn.LeakyReLU(0.2),
            )
        self.layers.append(nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W), H and W at least 32, to one score for each patch, (N, 1, H', W')."""
        y: Tensor = self.layers(image)
        return y


def cyclegan(channels: int, width: float = 1.0) -> CycleGanGenerator:
    """Build the generator of six blocks, for images of 128x128, with CycleGAN's first weights."""
    return started(CycleGanGenerator(channels, width))


def started(network: N) -> N:
    """Draw first weights as CycleGAN does: normal, with a deviation of 0.02; biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


class VaeEncoder(nn.Module):
    """Images to mean and logarithm of the variance of their code.

    Two convolutions, each with ReLU and max pool, as Zhang, Colbert & Das (2022) describe it.

    Parameters
    ----------
    shape
        (C, H, W) of the image; sides are multiples of 4.
    widths
        Channels of the two convolutions.
    code
        Size of the code.
    """

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, int], code: int) -> None:
        super().__init__()
        channels, height, wide = shape
        first, second = widths
        self.layers = nn.Sequential(
            nn.Conv2d(channels, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        )  # fmt: skip
        self.project = nn.Linear(second * (height // 4) * (wide // 4), 2 * code)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 2 code): the means, then the logarithms of the variances."""
        y: Tensor = self.project(self.layers(image))
        return y


class VaeDecoder(nn.Module):
    """Codes to images: three transposed convolutions and a sigmoid."""

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, int], code: int) -> None:
        super().__init__()
        channels, height, wide = shape
        first, second = widths
        sides = height // 4, wide // 4
        self.project = nn.Linear(code, second * sides[0] * sides[1])
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Unflatten(1, (-1, *sides)),
            nn.ConvTranspose2d(second, first, 2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(first, first, 2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(first, channels, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, code: Tensor) -> Tensor:
        """(N, code) to (N, C, H, W), in [0, 1]."""
        y: Tensor = self.layers(self.project(code))
        return y


class Vae(nn.Module):
    """Encoder and decoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape, in [0, 1], by way of the code's mean."""
        mean, _ = self.encoder(image).chunk(2, dim=1)
        y: Tensor = self.decoder(mean)
        return y

    def draw(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return an image (N, C, H, W) by way of a drawn code, and the code's distribution.

        That is its means and the logarithms of its variances, both (N, code).
        """
        mean, log_variance = self.encoder(image).chunk(2, dim=1)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(code), mean, log_variance
