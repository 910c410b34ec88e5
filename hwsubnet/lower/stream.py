"""What is known about a value while the walk carries it through the network.

The accelerator holds integers `q`; the model speaks of real numbers `x`. A stream is the pair:
the tensor that holds `q`, and the function per channel that gives `x = f(q)`. Scales, biases,
batch norms and activation functions only extend `f`; nothing is computed for them in hardware
until a quantizer turns the whole of `f` into thresholds, or the host applies what is left.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

UNIT_ROUNDOFF = 2.0**-24
"""Of float32, in which QONNX models compute: |fl(x) - x| <= u |x|."""


@dataclass(frozen=True)
class Affine:
    """``x -> scale * x + bias``, each of shape (channels,)."""

    scale: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """Apply to `x` of shape (channels, n)."""
        return self.scale[:, None] * x + self.bias[:, None]


@dataclass(frozen=True)
class Monotone:
    """A nondecreasing function applied to every element, such as ReLU, with slope at most 1."""

    op: str
    function: Callable[[Floats], Floats]

    def __call__(self, x: Floats) -> Floats:
        """Apply to `x` of any shape."""
        return self.function(x)


Step = Affine | Monotone


@dataclass(frozen=True)
class Stream:
    """Integers in a tensor of the graph that is being built, and what they mean.

    Parameters
    ----------
    tensor
        Name in the integer graph.
    shape
        Of one frame, batch axis first (1), channels at axis 1.
    steps
        `f`, applied left to right.
    layer
        The network's layer that the values belong to.
    error
        Bound per channel on how far the QONNX model's float32 arithmetic may be from ``f(q)``.
    source
        The model's tensor that ``f(q)`` equals.
    """

    tensor: str
    shape: tuple[int, ...]
    steps: tuple[Step, ...]
    layer: str
    error: Floats
    source: str

    @property
    def channels(self) -> int:
        """Length of axis 1."""
        return self.shape[1]

    def evaluate(self, q: Floats) -> Floats:
        """Give ``f(q)`` for `q` of shape (channels, n), in float64."""
        for step in self.steps:
            q = step(q)
        return q

    def affine(self) -> Affine | None:
        """Return `f` if it is one affine map (None: it holds an activation function)."""
        if not self.steps:
            return Affine(np.ones(self.channels), np.zeros(self.channels))
        first = self.steps[0]
        return first if len(self.steps) == 1 and isinstance(first, Affine) else None

    def direction(self) -> Integers:
        """Return per channel 1 if `f` rises, -1 if it falls, 0 if it is constant."""
        sign = np.ones(self.channels, dtype=np.int64)
        for step in self.steps:
            if isinstance(step, Affine):
                sign = sign * np.sign(step.scale).astype(np.int64)
        return sign

    def then(self, step: Step, source: str, error: Floats | None = None) -> "Stream":
        """Append a step; two affine maps in a row become one."""
        last = self.steps[-1] if self.steps else None
        if isinstance(step, Affine) and isinstance(last, Affine):
            merged = Affine(step.scale * last.scale, step.scale * last.bias + step.bias)
            steps: tuple[Step, ...] = (*self.steps[:-1], merged)
        else:
            steps = (*self.steps, step)
        return replace(
            self, steps=steps, source=source, error=self.error if error is None else error
        )

    def repeated(self, times: int) -> tuple[tuple[Step, ...], Floats]:
        """Return steps and error with every channel repeated, as flattening (C, H, W) does."""
        steps = tuple(
            Affine(np.repeat(s.scale, times), np.repeat(s.bias, times))
            if isinstance(s, Affine)
            else s
            for s in self.steps
        )
        return steps, np.repeat(self.error, times)


@dataclass(frozen=True)
class Constant:
    """A value that does not depend on the input.

    `integers` times `scale` (of the same shape) equals `array`, where a quantizer said so.
    """

    array: NDArray[np.generic]
    integers: Integers | None = None
    scale: Floats | None = None
    bipolar: bool = False
    name: str = ""


@dataclass(frozen=True)
class HostValue:
    """A float tensor that only the host can compute.

    `scale` and `bias` relate it to the model's tensor `source`: the input, or what an operation
    without integer form gave; `bias` and `scale` are numbers. `quantizer` names the node that
    would have made integers of it, had it become hardware itself.
    """

    source: str
    shape: tuple[int, ...]
    scale: float = 1.0
    bias: float = 0.0
    quantizer: str | None = None


Value = Stream | Constant | HostValue


class Unsupported(Exception):
    """An operation that cannot become hardware; the text says why and what would be possible."""
