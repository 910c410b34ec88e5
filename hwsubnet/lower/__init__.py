"""Lowering: from a QONNX model to integers, and to hardware nodes."""

from hwsubnet.lower.lowering import lower

__all__ = ["lower"]
