"""Lowering: from a QONNX model to integers, and to hardware nodes."""

from hwsubnet.lower.lowering import lower
from hwsubnet.lower.verifying import quantize_input, verify

__all__ = ["lower", "quantize_input", "verify"]
