"""Networks that make images: the CycleGAN generator and a variational autoencoder."""

import torch
from torch import Tensor, nn


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
    """Encoder and decoder; in training the code is drawn, in evaluation it is the mean."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape, in [0, 1]."""
        mean, log_variance = self.encoder(image).chunk(2, dim=1)
        if self.training:
            mean = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        y: Tensor = self.decoder(mean)
        return y
