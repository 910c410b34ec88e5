"""QONNX models with golden vectors, from networks of this project."""

from hwsubnet.export.qonnx import export

__all__ = ["export"]
