"""Quantizers for weights and activations, as Brevitas layers that export to QONNX."""

import hwsubnet.quant.pickling  # noqa: F401  (registers with copyreg)
from hwsubnet.quant.injectors import (
    AffineQuant,
    PixelQuant,
    SymmetricQuant,
    UnsignedQuant,
    WeightQuant,
)
from hwsubnet.quant.layers import (
    QuantAdd,
    QuantCat,
    QuantConv2d,
    QuantIdentity,
    QuantLinear,
    pixels,
    unsigned,
)
from hwsubnet.quant.replacement import WEIGHT_LAYERS, quantized_layer
from hwsubnet.quant.state import set_quantization, unquantized

__all__ = [
    "WEIGHT_LAYERS",
    "AffineQuant",
    "PixelQuant",
    "QuantAdd",
    "QuantCat",
    "QuantConv2d",
    "QuantIdentity",
    "QuantLinear",
    "SymmetricQuant",
    "UnsignedQuant",
    "WeightQuant",
    "pixels",
    "quantized_layer",
    "set_quantization",
    "unquantized",
    "unsigned",
]
