"""Random quantized networks, as a hypothesis strategy: every op that lowering takes, legal or not.

Sizes are tiny, widths include primes, bits go from 1 to 8. What is drawn is a complete QONNX model;
its text tells which, so that a failing one can be understood.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st
from support.qonnx_models import QONNX, Model

MOST_FEATURES = 100
"""Inputs of a fully connected layer; thousands would only make the RTL slow to build."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the model, one frame of shape (channels, ...)."""

    name: str
    shape: tuple[int, ...]
    amplitude: float
    """What its values are about as large as."""
    nonnegative: bool = False
    has_zero: bool = True
    """Whether some integer means zero, so that a convolution may pad."""


@dataclass(frozen=True, eq=False)
class RandomNetwork:
    """A network that was drawn."""

    model: Model
    output: str
    text: str
    folding_seed: int

    def __repr__(self) -> str:
        return f"<{self.text}>"

    def save(self, path: Path) -> Path:
        return self.model.save(path, self.output)


@dataclass
class _Author:
    """Appends random layers; each method takes and gives a tensor of integers times one scale."""

    draw: Callable[..., Any]
    model: Model
    words: list[str] = field(default_factory=list)

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def say(self, *words: object) -> None:
        self.words.append(" ".join(map(str, words)))

    def _weights(self, shape: tuple[int, ...]) -> str:
        values = self.model.random.normal(0, 0.4, shape)
        bits = self.number(0, 8)
        if bits == 0:
            self.say("bipolar weights")
            scale = self.model.constant(0.5)
            return self.model.add("BipolarQuant", self.model.constant(values), scale, domain=QONNX)
        per_channel = self.draw(st.booleans())
        scale = np.full(
            (shape[0], *[1] * (len(shape) - 1)) if per_channel else (), 2.0 ** (1 - bits)
        )
        if per_channel:
            scale = scale * self.model.random.uniform(0.5, 1.5, scale.shape)
        narrow = int(bits > 1 and self.draw(st.booleans()))
        self.say(f"{bits}-bit weights", "narrow" * narrow, "per channel" * per_channel)
        return self.model.quant(
            self.model.constant(values), scale, bits=bits, signed=1, narrow=narrow
        )

    def _affine(self, x: Tensor) -> Tensor:
        """Scale and shift channels as a batch norm does; some of them fall."""
        if self.draw(st.booleans()):
            return x
        axes = (1, x.shape[0], *[1] * (len(x.shape) - 1))
        random = self.model.random
        factor = random.uniform(0.5, 1.5, axes) * random.choice([1, 1, -1], axes)
        name = self.model.add("Mul", x.name, self.model.constant(factor))
        shift = self.model.constant(random.normal(0, 0.3 * x.amplitude, axes))
        self.say("norm")
        return replace(x, name=self.model.add("Add", name, shift), nonnegative=False)

    def activation(self, x: Tensor, step: float | None = None) -> Tensor:
        """Quantize; with a scale that is given, or one that fits the values."""
        kinds = ["unsigned", "signed"]
        kinds += ["relu"] * (x.name != "x")  # the host quantizes the input, and does no more
        kinds += ["bipolar"] * (step is None)
        kind = self.choose(*kinds)
        if kind == "bipolar":
            self.say("bipolar")
            scale = self.model.constant(1.0)
            name = self.model.add("BipolarQuant", x.name, scale, domain=QONNX)
            return Tensor(name, x.shape, 1.0, has_zero=False)
        bits, signed = self.number(1, 8), int(kind == "signed")
        scale = step or x.amplitude * self.choose(0.5, 1.0, 2.0) / 2 ** max(bits - 1, 0)
        name = self.model.add("Relu", x.name) if kind == "relu" else x.name
        self.say(f"{kind} {bits} bits", f"step {step:g}" if step else "")
        name = self.model.quant(name, scale, bits=bits, signed=signed)
        amplitude = min(x.amplitude, scale * 2 ** max(bits - 1, 0))
        return Tensor(name, x.shape, amplitude, nonnegative=not signed)

    def _window(self, x: Tensor, *, pool: bool = False) -> dict[str, list[int]] | None:
        kernel = [self.number(1, 3), self.number(1, 3)]
        stride = [self.number(1, min(2, k) if pool else 2) for k in kernel]
        dilation = [1, 1] if pool else [self.choose(1, 1, 2), self.choose(1, 1, 2)]
        pads = [0, 0, 0, 0]
        if x.nonnegative if pool else x.has_zero:
            pads = [self.number(0, min(1, k - 1)) for k in kernel * 2]
        for axis in range(2):
            size = x.shape[1 + axis] + pads[axis] + pads[2 + axis]
            extent = (kernel[axis] - 1) * dilation[axis] + 1
            if extent > size:
                return None
            if extent <= size - extent < stride[axis]:  # refused: less than half would be seen
                stride[axis] = 1
        window = {"kernel_shape": kernel, "strides": stride, "pads": pads}
        return window if pool else window | {"dilations": dilation}

    def _behind(self, x: Tensor, window: dict[str, list[int]], channels: int) -> tuple[int, ...]:
        rows, columns = (
            (x.shape[1 + i] + window["pads"][i] + window["pads"][2 + i]
             - window.get("dilations", [1, 1])[i] * (window["kernel_shape"][i] - 1) - 1)
            // window["strides"][i] + 1
            for i in range(2)
        )  # fmt: skip
        return channels, rows, columns

    def sums(self, x: Tensor, outputs: int, window: dict[str, list[int]] | None = None) -> Tensor:
        """A convolution of whatever window, or a fully connected layer; not quantized yet."""
        if len(x.shape) == 1:
            weight = self._weights((outputs, x.shape[0]))
            self.say(f"dense {outputs}")
            name = self.model.add("Gemm", x.name, weight, transB=1)
            return Tensor(name, (outputs,), 0.4 * x.amplitude * sqrt(x.shape[0]))
        window = window or self._window(x)
        if window is None:
            return self.sums(x, outputs, _POINT)
        depthwise = outputs == x.shape[0] and self.draw(st.booleans())
        inputs = 1 if depthwise else x.shape[0]
        weight = self._weights((outputs, inputs, *window["kernel_shape"]))
        self.say("depthwise" if depthwise else "conv", outputs, window)
        group = x.shape[0] if depthwise else 1
        name = self.model.add("Conv", x.name, weight, group=group, **window)
        terms = inputs * prod(window["kernel_shape"])
        return Tensor(name, self._behind(x, window, outputs), 0.4 * x.amplitude * sqrt(terms))

    def layer(self, x: Tensor) -> Tensor:
        x = self._affine(self.sums(x, self.number(1, 7)))
        if len(x.shape) == 3 and self.draw(st.booleans()):
            x = self.max_pool(x)
        return self.activation(x)

    def requantized(self, x: Tensor) -> Tensor:
        return self.activation(self._affine(x))

    def max_pool(self, x: Tensor) -> Tensor:
        window = self._window(x, pool=True)
        if window is None:
            return x
        self.say("max pool", window)
        name = self.model.add("MaxPool", x.name, **window)
        return replace(x, name=name, shape=self._behind(x, window, x.shape[0]))

    def average(self, x: Tensor) -> Tensor:
        window = self._window(replace(x, nonnegative=False), pool=True)
        if window is None:
            return x
        self.say("average", window)
        name = self.model.add("AveragePool", x.name, **window)
        return replace(x, name=name, shape=self._behind(x, window, x.shape[0]))

    def global_average(self, x: Tensor) -> Tensor:
        self.say("global average")
        name = self.model.add("GlobalAveragePool", x.name)
        return replace(x, name=name, shape=(x.shape[0], 1, 1))

    def upsample(self, x: Tensor) -> Tensor:
        rows, columns = self.number(1, 2), self.number(1, 2)
        if x.shape[1] * rows > 8 or x.shape[2] * columns > 8:
            return x
        self.say(f"upsample {rows} x {columns}")
        name = self.model.add(
            "Resize",
            x.name,
            "",
            self.model.constant([1, 1, rows, columns]),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        return replace(x, name=name, shape=(x.shape[0], x.shape[1] * rows, x.shape[2] * columns))

    def residual(self, x: Tensor) -> Tensor:
        """Add what a layer gives to what it gets; one scale is a multiple of the other."""
        step = x.amplitude / 2 ** self.number(0, 4)
        self.say("fork")
        skip = self.activation(x, step)
        body = self._affine(self.sums(x, x.shape[0], _SAME if x.has_zero else _POINT))
        body = self.activation(body, step * self.choose(1, 1, 2, 3))
        self.say("add")
        name = self.model.add("Add", skip.name, body.name)
        return Tensor(name, x.shape, x.amplitude + body.amplitude)

    def concat(self, x: Tensor) -> Tensor:
        """Put what one or two layers give beside one another, or beside what they get."""
        self.say("fork")
        window = _SAME if x.has_zero and self.draw(st.booleans()) else _POINT
        parts = [self.activation(self.sums(x, self.number(1, 5), window))]
        if self.draw(st.booleans()):
            parts.append(self.activation(self.sums(x, self.number(1, 5), _POINT)))
        if len(parts) == 1 or self.draw(st.booleans()):
            parts.append(x)
        self.say("concat")
        name = self.model.add("Concat", *(part.name for part in parts), axis=1)
        shape = (sum(part.shape[0] for part in parts), *x.shape[1:])
        joined = Tensor(name, shape, max(part.amplitude for part in parts))
        return self.activation(joined)  # a dot product takes one scale only

    def flatten(self, x: Tensor) -> Tensor:
        self.say("flatten")
        return replace(x, name=self.model.add("Flatten", x.name), shape=(prod(x.shape),))


_SAME = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1] * 4, "dilations": [1, 1]}
_POINT = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1]}
_ON_IMAGES = (
    "layer", "layer", "residual", "concat", "max_pool", "average", "global_average", "upsample",
    "requantized",
)  # fmt: skip


@st.composite
def networks(draw: Callable[..., Any]) -> RandomNetwork:
    """One input of an image or of features, one to four layers, and one that has weights."""
    image = draw(st.sampled_from([True, True, True, False]))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    shape = shape if image else (draw(st.integers(1, 23)),)
    model = Model((1, *shape), seed=draw(st.integers(0, 2**31)))
    author = _Author(draw, model)
    author.say("input", shape)
    x = author.activation(Tensor("x", shape, 1.0))
    for _ in range(draw(st.integers(0, 3))):
        kind = author.choose(*_ON_IMAGES) if len(x.shape) == 3 else author.choose(
            "layer", "requantized"
        )  # fmt: skip
        x = getattr(author, kind)(x)
        if len(x.shape) == 3 and prod(x.shape) <= MOST_FEATURES and author.choose(*[0] * 3, 1):
            x = author.flatten(x)
    x = author.sums(x, draw(st.integers(1, 7)))
    if draw(st.booleans()):
        x = author.activation(author._affine(x))
    return RandomNetwork(model, x.name, "; ".join(author.words), draw(st.integers(0, 2**31)))


def drawn(number: int) -> RandomNetwork:
    """Return the network of this number, which is a seed."""
    found: list[RandomNetwork] = []

    @seed(number)
    @settings(
        max_examples=2,  # hypothesis begins with the simplest there is
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(networks())
    def collect(network: RandomNetwork) -> None:
        found.append(network)

    collect()
    return found[-1]
