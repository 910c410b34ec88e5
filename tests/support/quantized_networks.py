"""Small quantized networks of every topology, of stock Brevitas layers with random weights.

``lowered_network(name, folder)`` exports one of `NETWORKS` and lowers it; nothing is trained, but
batch norms hold random statistics and quantizers have seen data, so that all levels occur.
"""

import configparser
import logging
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.quant import Int8ActPerTensorFloat, Uint8ActPerTensorFloat
from torch import Tensor, nn

from hwsubnet.artifacts import LoweredGraph
from hwsubnet.boards import load_board
from hwsubnet.lower import lower

WEIGHTS = {"weight_bit_width": 4, "weight_quant_narrow_range": True, "bias": False}


def _input() -> nn.Module:
    return qnn.QuantIdentity(bit_width=8, act_quant=Uint8ActPerTensorFloat)


def _conv(inputs: int, outputs: int, kernel: int = 3, **options: int) -> nn.Module:
    padding = options.pop("padding", kernel // 2)
    return qnn.QuantConv2d(inputs, outputs, kernel, padding=padding, **WEIGHTS, **options)


def _activation(bits: int = 4) -> nn.Module:
    return qnn.QuantReLU(bit_width=bits)


class Residual(nn.Module):
    """Both addends go through one signed quantizer, which gives them one scale."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            _conv(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs), _activation()
        )
        self.second = nn.Sequential(_conv(outputs, outputs), nn.BatchNorm2d(outputs))
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inputs == outputs
            else nn.Sequential(_conv(inputs, outputs, 1, stride=stride), nn.BatchNorm2d(outputs))
        )
        self.addend = qnn.QuantIdentity(bit_width=4, act_quant=Int8ActPerTensorFloat)
        self.activation = _activation()

    def forward(self, x: Tensor) -> Tensor:
        body = self.addend(self.second(self.first(x)))
        return self.activation(body + self.addend(self.shortcut(x)))


class UShape(nn.Module):
    """Encoder, decoder with nearest upsampling, and a skip joined by concat."""

    def __init__(self) -> None:
        super().__init__()
        self.input = _input()
        self.down = nn.Sequential(_conv(1, 4), nn.BatchNorm2d(4), nn.ReLU())
        self.bottom = nn.Sequential(nn.MaxPool2d(2), _conv(4, 6), nn.BatchNorm2d(6), nn.ReLU())
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.shared = qnn.QuantIdentity(bit_width=4, act_quant=Uint8ActPerTensorFloat)
        self.head = nn.Sequential(_conv(10, 5), nn.BatchNorm2d(5), _activation(), _conv(5, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        skip = self.shared(self.down(self.input(x)))
        deep = self.up(self.shared(self.bottom(skip)))
        return self.head(torch.cat([skip, deep], dim=1))


class Decoder(nn.Module):
    """A code, made an image by transposed convolutions: two that enlarge, one that does not."""

    def __init__(self) -> None:
        super().__init__()

        def up(inputs: int, outputs: int, kernel: int, **options: int) -> nn.Module:
            return qnn.QuantConvTranspose2d(inputs, outputs, kernel, **WEIGHTS, **options)

        self.layers = nn.Sequential(
            _input(),
            _conv(1, 6, stride=2), nn.BatchNorm2d(6), _activation(),
            up(6, 5, 2, stride=2), nn.BatchNorm2d(5), _activation(),
            up(5, 4, 3, stride=2, padding=1, output_padding=1), nn.BatchNorm2d(4), _activation(),
            up(4, 2, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _mlp() -> nn.Module:
    return nn.Sequential(
        _input(), nn.Flatten(),
        qnn.QuantLinear(64, 24, **WEIGHTS), nn.BatchNorm1d(24), _activation(2),
        qnn.QuantLinear(24, 20, **WEIGHTS), nn.BatchNorm1d(20), _activation(2),
        qnn.QuantLinear(20, 10, **{**WEIGHTS, "bias": True}),
    )  # fmt: skip


def _cnn() -> nn.Module:
    return nn.Sequential(
        _input(),
        _conv(1, 6), nn.BatchNorm2d(6), _activation(), nn.MaxPool2d(2),
        _conv(6, 8), nn.BatchNorm2d(8), nn.MaxPool2d(2), _activation(),
        nn.Flatten(), qnn.QuantLinear(32, 10, **{**WEIGHTS, "bias": True}),
    )  # fmt: skip


def _resnet() -> nn.Module:
    return nn.Sequential(
        _input(),
        _conv(1, 4), nn.BatchNorm2d(4), _activation(),
        Residual(4, 4), Residual(4, 8, stride=2),
        nn.AvgPool2d(4), nn.Flatten(), qnn.QuantLinear(8, 10, **WEIGHTS),
    )  # fmt: skip


def _depthwise() -> nn.Module:
    return nn.Sequential(
        _input(),
        _conv(1, 6), nn.BatchNorm2d(6), _activation(),
        _conv(6, 6, groups=6), nn.BatchNorm2d(6), _activation(),
        _conv(6, 8, 1), nn.BatchNorm2d(8), _activation(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), qnn.QuantLinear(8, 10, **WEIGHTS),
    )  # fmt: skip


def _bnn_pynq(name: str, weight: int, activation: int) -> nn.Module:
    """Build a network of Brevitas's bnn_pynq examples, which need bipolar arithmetic."""
    from brevitas_examples.bnn_pynq.models.CNV import cnv
    from brevitas_examples.bnn_pynq.models.FC import fc

    config = configparser.ConfigParser()
    config["QUANT"] = {
        "WEIGHT_BIT_WIDTH": str(weight),
        "ACT_BIT_WIDTH": str(activation),
        "IN_BIT_WIDTH": "8" if name == "cnv" else str(activation),
    }
    config["MODEL"] = {
        "NUM_CLASSES": "10",
        "IN_CHANNELS": "3" if name == "cnv" else "1",
        "OUT_FEATURES": "64, 64, 64",
    }
    return cnv(config) if name == "cnv" else fc(config)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (_mlp, (1, 8, 8)),
    "cnn": (_cnn, (1, 8, 8)),
    "resnet": (_resnet, (1, 8, 8)),
    "depthwise": (_depthwise, (1, 8, 8)),
    "unet": (UShape, (1, 8, 8)),
    "decoder": (Decoder, (1, 8, 8)),
    **{
        f"{net}-{w}w{a}a": ((lambda n=net, w=w, a=a: _bnn_pynq(n, w, a)), shape)
        for net, shape in (("tfc", (1, 28, 28)), ("cnv", (3, 32, 32)))
        for w, a in ((1, 1), (1, 2), (2, 2))
    },
}
"""Name -> (builder, input shape)."""


def network(name: str, seed: int = 0) -> nn.Module:
    """Build a network of `NETWORKS` in eval mode, with statistics of its own."""
    build, shape = NETWORKS[name]
    return ready(build, shape, seed)


def ready(build: Callable[[], nn.Module], shape: tuple[int, ...], seed: int = 0) -> nn.Module:
    """Build a network and put it in eval mode, with statistics of its own."""
    torch.manual_seed(seed)
    model = build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -0.5, 1.5)  # some negative: thresholds that fall
            nn.init.normal_(module.bias, std=0.3)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(32, *shape))
    return model.eval()


@cache
def _store() -> TemporaryDirectory[str]:
    """Return a folder that lives as long as the process: exporting takes longer than testing."""
    return TemporaryDirectory(prefix="quantized-networks-")


@cache
def exported(name: str, seed: int = 0) -> Path:
    """Export a network as QONNX and return the file."""
    from brevitas.export import export_qonnx

    path = Path(_store().name) / f"{name}-{seed}.onnx"
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = torch.rand(1, *NETWORKS[name][1])
        export_qonnx(network(name, seed), image, str(path), dynamo=False)
    return path


def images(name: str, count: int, seed: int = 1) -> np.ndarray:
    """Return float32 images in [0, 1], multiples of 1/255."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (count, *NETWORKS[name][1])) / 255).astype(np.float32)


def lowered_network(
    name: str, folder: Path, board: str = "Pynq-Z2", seed: int = 0
) -> tuple[LoweredGraph, Path, Path]:
    """Export and lower a network; return the artifact, its folder and the QONNX file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = exported(name, seed)
    out = folder / f"{name}-{board}"
    return lower(path, out, load_board(board)), out, path
