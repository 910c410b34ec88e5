"""Training in fewer passes over memory: the same network, computed by a few compiled kernels."""

from hwsubnet.fused.graph import fuse

__all__ = ["fuse"]
