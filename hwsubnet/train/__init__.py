"""Training: the dense network, and from it each pruned and quantized level."""

from hwsubnet.train.stages import train_dense, train_level
from hwsubnet.train.tasks import Task, make_task

__all__ = ["Task", "make_task", "train_dense", "train_level"]
