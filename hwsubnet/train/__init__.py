"""Training: the dense network, and from it each pruned and quantized level."""

from hwsubnet.train.stages import train_dense, train_level

__all__ = ["train_dense", "train_level"]
