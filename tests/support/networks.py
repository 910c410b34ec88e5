"""Small random networks with residual, concatenated and depthwise parts."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn

from hwsubnet.artifacts import Precision
from hwsubnet.models.blocks import Activation, ConvBlock
from hwsubnet.quant import AffineQuant, QuantAdd, QuantConv2d, QuantIdentity, QuantLinear, pixels

PRECISION = Precision(weight_bits=4, activation_bits=4)
SHAPE = (2, 6, 6)
PARTS = ("plain", "pool", "residual", "projected", "concat", "depthwise", "twofold", "affine")


@dataclass(frozen=True)
class Recipe:
    """What a random network is made of."""

    parts: tuple[tuple[str, int], ...]
    classes: int
    hidden: int
    seed: int


recipes = st.builds(
    Recipe,
    parts=st.lists(
        st.tuples(st.sampled_from(PARTS), st.integers(2, 6)), min_size=1, max_size=4
    ).map(tuple),
    classes=st.integers(1, 3),
    hidden=st.integers(0, 5),
    seed=st.integers(0, 2**16),
)


class RandomNetwork(nn.Module):
    """Convolutional parts in a row, a flattening, perhaps a hidden layer, a classifier."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.input = pixels()
        width, side = 3, SHAPE[1]
        self.stem = ConvBlock(SHAPE[0], width, 3, PRECISION)
        self.parts = nn.ModuleList()
        for kind, size in recipe.parts:
            part = make_part(kind, width, size) if kind != "pool" or side >= 2 else nn.Identity()
            side = side // 2 if isinstance(part, nn.MaxPool2d) else side
            self.parts.append(part)
            width = getattr(part, "outputs", width)
        features = width * side * side
        self.hidden = nn.Sequential()
        if recipe.hidden:
            self.hidden.append(QuantLinear(features, recipe.hidden, bias=True, precision=PRECISION))
            self.hidden.append(nn.BatchNorm1d(recipe.hidden))
            self.hidden.append(Activation(recipe.hidden, PRECISION))
            features = recipe.hidden
        self.classifier = QuantLinear(features, recipe.classes, bias=True, precision=PRECISION)

    def forward(self, x):
        x = self.stem(self.input(x))
        for part in self.parts:
            x = part(x)
        return self.classifier(self.hidden(torch.flatten(x, 1)))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, projected):
        super().__init__()
        self.outputs = outputs if projected else inputs
        self.inner = ConvBlock(inputs, outputs, 3, PRECISION)
        self.outer = ConvBlock(outputs, self.outputs, 3, PRECISION)
        self.shortcut = ConvBlock(inputs, outputs, 1, PRECISION) if projected else nn.Identity()
        self.add = QuantAdd(PRECISION)

    def forward(self, x):
        return self.add(self.outer(self.inner(x)), self.shortcut(x))


class Concatenation(nn.Module):
    """Two branches side by side, and a plain sum with what reads both."""

    def __init__(self, inputs, size):
        super().__init__()
        self.outputs = 3 + size
        self.left = ConvBlock(inputs, 3, 3, PRECISION)
        self.right = ConvBlock(inputs, size, 1, PRECISION)
        self.both = ConvBlock(self.outputs, self.outputs, 3, PRECISION)

    def forward(self, x):
        x = torch.cat([self.left(x), self.right(x)], 1)
        return x + self.both(x)


class Depthwise(nn.Module):
    def __init__(self, inputs, outputs, times):
        super().__init__()
        self.outputs = outputs
        self.depthwise = QuantConv2d(
            inputs, times * inputs, 3, padding=1, groups=inputs, precision=PRECISION
        )
        self.norm = nn.BatchNorm2d(times * inputs)
        self.activation = Activation(times * inputs, PRECISION)
        self.pointwise = ConvBlock(times * inputs, outputs, 1, PRECISION)

    def forward(self, x):
        return self.pointwise(self.activation(self.norm(self.depthwise(x))))


class Affine(nn.Module):
    """A site whose quantizer has a zero point: no ReLU before it."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.outputs = outputs
        self.block = ConvBlock(inputs, outputs, 3, PRECISION)
        self.block.activation.activation = nn.LeakyReLU(0.5)
        self.block.activation.quant = QuantIdentity(AffineQuant, bit_width=4)

    def forward(self, x):
        return self.block(x)


def make_part(kind, inputs, size):
    match kind:
        case "pool":
            return nn.MaxPool2d(2)
        case "residual" | "projected":
            return Residual(inputs, size, kind == "projected")
        case "concat":
            return Concatenation(inputs, size)
        case "depthwise" | "twofold":
            return Depthwise(inputs, size, 1 + (kind == "twofold"))
        case "affine":
            return Affine(inputs, size)
    block = ConvBlock(inputs, size, 3, PRECISION)
    block.outputs = size
    return block
