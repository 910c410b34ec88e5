"""Folding and estimation: how parallel each node is, how fast the whole is, what it takes."""

from hwsubnet.estimate.estimating import estimate
from hwsubnet.estimate.request import read_folding

__all__ = ["estimate", "read_folding"]
