"""The two quantizers of Zhang, Colbert & Das (Applied Sciences 12(15):7829, 2022).

Each is a Brevitas ``tensor_quant`` module: called on a tensor, it returns the dequantized value,
the scale, the zero point and the bit width. :mod:`hwsubnet.quant.injectors` names them for
Brevitas layers, whose export to QONNX then works as for Brevitas' own quantizers.

All state lies in buffers, so that it survives ``state_dict``, copies and pickles:

``enabled``
    Whether values are quantized at all; set by :func:`hwsubnet.quant.set_quantization`.
``batches``
    How many batches the cumulative means have seen, an integer. Until the first, a quantizer has
    no range and passes values unchanged.

Statistics are taken while quantization is on, in training mode with gradients enabled. Evaluation,
a forward pass under ``torch.no_grad`` and export only read them. For activations each such pass is
a batch; for weights each new value is, so that gradient accumulation does not count them twice.
"""

from typing import Any

import torch
from torch import Tensor, nn

from hwsubnet.quant.functions import quantize_activation, quantize_weight

Quantized = tuple[Tensor, Tensor, Tensor, Tensor]
"""What Brevitas expects of a ``tensor_quant``: value, scale, zero point, bit width."""

EMPTY_RANGE_SCALE = 1e-4
"""The paper's scale for a range of zero width."""


class Quantizer(nn.Module):
    """What the quantizers share: integer range, on/off state and counted cumulative means.

    Parameters
    ----------
    bit_width
        Bits of the integer.
    signed, narrow_range
        Whether it has a sign, and whether the most negative value is left out.
    """

    enabled: Tensor
    batches: Tensor
    bits: Tensor
    no_shift: Tensor

    def __init__(self, bit_width: int, *, signed: bool, narrow_range: bool) -> None:
        super().__init__()
        self.bit_width = int(bit_width)
        self.low = -(2 ** (bit_width - 1)) + int(narrow_range) if signed else 0
        self.high = 2 ** (bit_width - 1) - 1 if signed else 2**bit_width - 1
        self.register_buffer("enabled", torch.tensor(False))
        self.register_buffer("batches", torch.tensor(0, dtype=torch.int64))
        self.register_buffer("bits", torch.tensor(float(bit_width)), persistent=False)
        self.register_buffer("no_shift", torch.tensor(0.0), persistent=False)

    @property
    def calibrated(self) -> bool:
        """Whether the range is known."""
        return bool(self.batches > 0)

    @property
    def scale(self) -> Tensor:
        """Width of one level, in the units of the tensor."""
        raise NotImplementedError

    @property
    def zero_point(self) -> Tensor:
        """The integer that stands for 0."""
        return self.no_shift

    def average(self, mean: Tensor, value: Tensor) -> None:
        """Fold `value` into the cumulative `mean`: mu <- mu + (x - mu) / (t + 1)."""
        mean += (value - mean) / (self.batches + 1)

    def collects(self, x: Tensor) -> bool:
        """Whether a forward pass on `x` counts; moves the state to the device of `x`.

        Brevitas builds quantizers anew, on the CPU, when a state is loaded.
        """
        if self.enabled.device != x.device:
            self.to(x.device)
        return self.training and torch.is_grad_enabled() and bool(self.enabled)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A compact network has fewer channels than the layer was built with.
        for name, buffer in self._buffers.items():
            loaded = state_dict.get(prefix + name)
            if buffer is not None and isinstance(loaded, Tensor) and loaded.shape != buffer.shape:
                self._buffers[name] = buffer.new_zeros(loaded.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _nonzero(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, EMPTY_RANGE_SCALE)


class WeightQuantizer(Quantizer):
    """Symmetric weights, Algorithm 3: ``s_c = mean(max |w_c|) / 2^(b-1)``.

    The mean is cumulative over training steps. A statistic is taken once for each value that the
    optimizer gives the weights, however often a layer runs or its weights are read in between.

    The narrow range leaves out ``-2^(b-1)``, as DSP48E1 multipliers need; the scale is the same.

    Parameters
    ----------
    channels, channel_axis, dimensions
        Output channels, their axis, and the number of axes of the weights, for one scale per
        output channel; ``channel_axis=None`` for one scale per tensor, as for linear layers.
    """

    maximum: Tensor

    def __init__(
        self,
        bit_width: int,
        narrow_range: bool,
        channels: int,
        channel_axis: int | None,
        dimensions: int,
    ) -> None:
        super().__init__(bit_width, signed=True, narrow_range=narrow_range)
        shape = [channels if axis == channel_axis else 1 for axis in range(dimensions)]
        self.reduced = [axis for axis in range(dimensions) if axis != channel_axis]
        self.register_buffer("maximum", torch.zeros([] if channel_axis is None else shape))
        self._seen: tuple[int, int] | None = None

    @property
    def scale(self) -> Tensor:
        """Width of one level, in the units of the tensor."""
        return _nonzero(self.maximum / 2 ** (self.bit_width - 1))

    def forward(self, weight: Tensor) -> Quantized:
        """Quantize weights of the layer's own shape."""
        if self.collects(weight) and self.is_new(weight):
            self.observe(weight)
        scale = self.scale
        if self.enabled and self.calibrated:
            weight = quantize_weight(weight, scale, self.low, self.high)
        return weight, scale, self.no_shift, self.bits

    def is_new(self, weight: Tensor) -> bool:
        """Whether these values of a parameter were not seen before; others are always new."""
        root = weight if weight._base is None else weight._base  # Brevitas hands over a view
        # An in-place change, as an optimizer makes, raises the version.
        seen, self._seen = self._seen, (id(root), root._version)
        return not root.is_leaf or seen != self._seen

    def observe(self, weight: Tensor) -> None:
        """Fold the largest magnitudes of `weight` into the cumulative means."""
        largest = weight.detach().abs().amax(self.reduced, keepdim=True)
        self.average(self.maximum, largest.reshape(self.maximum.shape))
        self.batches += 1


class ActivationQuantizer(Quantizer):
    """Activations, Algorithm 2: cumulative means l, u of each batch's minimum and maximum.

    Subclasses say which integer stands for which part of [l, u].

    Parameters
    ----------
    observes
        False where a module calls :meth:`observe` itself, as an addition does for both addends.
    """

    minimum: Tensor
    maximum: Tensor

    def __init__(self, bit_width: int, *, signed: bool, observes: bool) -> None:
        super().__init__(bit_width, signed=signed, narrow_range=False)
        self.observes = observes
        self.register_buffer("minimum", torch.tensor(0.0))
        self.register_buffer("maximum", torch.tensor(0.0))

    def forward(self, x: Tensor) -> Quantized:
        """Quantize a tensor of any shape."""
        if self.observes:
            self.observe(x)
        scale, zero_point = self.scale, self.zero_point
        if self.enabled and self.calibrated:
            shift = None if zero_point is self.no_shift else zero_point
            x = quantize_activation(x, scale, shift, self.low, self.high)
        return x, scale, zero_point, self.bits

    def observe(self, *tensors: Tensor) -> None:
        """Fold the joint minimum and maximum of `tensors` into the means, if this pass counts."""
        if not self.collects(tensors[0]):
            return
        extremes = [torch.aminmax(tensor.detach()) for tensor in tensors]
        self.average(self.minimum, torch.stack([e.min for e in extremes]).min().float())
        self.average(self.maximum, torch.stack([e.max for e in extremes]).max().float())
        self.batches += 1


class UnsignedQuantizer(ActivationQuantizer):
    """Activations after a ReLU: l = 0, so ``s = u / 2^b`` and z = 0."""

    def __init__(self, bit_width: int, observes: bool) -> None:
        super().__init__(bit_width, signed=False, observes=observes)

    @property
    def scale(self) -> Tensor:
        """Width of one level, in the units of the tensor."""
        return _nonzero(self.maximum / 2**self.bit_width)


class SymmetricQuantizer(ActivationQuantizer):
    """Signed activations around 0, for the addends of an addition.

    The range is made symmetric, l = -m and u = m with m = max(-l, u). Algorithm 2 then gives
    ``s = 2 m / 2^b`` and z = 2^(b-1), which is a signed integer with zero point 0.
    """

    def __init__(self, bit_width: int, observes: bool) -> None:
        super().__init__(bit_width, signed=True, observes=observes)

    @property
    def scale(self) -> Tensor:
        """Width of one level, in the units of the tensor."""
        return _nonzero(torch.maximum(-self.minimum, self.maximum) / 2 ** (self.bit_width - 1))


class AffineQuantizer(ActivationQuantizer):
    """Algorithm 2 as it stands: ``s = (u - l) / 2^b``, ``z = round(-l / s)``.

    The range always holds 0 (l <= 0 <= u) and z is a level of its own (0 <= z <= 2^b - 1), so
    that 0 is represented exactly: padding and pruned channels have to stay 0.
    """

    def __init__(self, bit_width: int, observes: bool) -> None:
        super().__init__(bit_width, signed=False, observes=observes)

    @property
    def scale(self) -> Tensor:
        """Width of one level, in the units of the tensor."""
        return _nonzero((self.maximum.clamp(min=0) - self.minimum.clamp(max=0)) / 2**self.bit_width)

    @property
    def zero_point(self) -> Tensor:
        """The integer that stands for 0."""
        return (-self.minimum.clamp(max=0) / self.scale).round().clamp(0, self.high)


class PixelQuantizer(Quantizer):
    """The network's input: 8-bit pixels of an image in [0, 1], scale 1/255, always on."""

    step: Tensor

    def __init__(self) -> None:
        super().__init__(8, signed=False, narrow_range=False)
        self.register_buffer("step", torch.tensor(1 / 255), persistent=False)

    @property
    def calibrated(self) -> bool:
        """Whether the range is known: it is fixed."""
        return True

    @property
    def scale(self) -> Tensor:
        """Width of one level, in the units of the tensor."""
        return self.step

    def forward(self, x: Tensor) -> Quantized:
        """Round an image to the nearest pixel values."""
        self.collects(x)
        x = quantize_activation(x, self.step, None, self.low, self.high)
        return x, self.step, self.no_shift, self.bits
