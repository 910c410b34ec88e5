"""Accuracy on a split."""

import torch
from lightning.fabric import Fabric
from torch import nn

from hwsubnet.data import Split, to_real

CHUNK = 500
"""Images at a time."""


@torch.no_grad()
def accuracy(fabric: Fabric, network: nn.Module, split: Split) -> float:
    """Share of a split's images that get the right class, in float32, without augmentation.

    Every process takes its part of the images; the network is left in evaluation mode.
    """
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=fabric.device)
    mine = torch.arange(fabric.global_rank, len(split), fabric.world_size)
    for chosen in torch.split(mine, CHUNK):
        images = to_real(split.images[chosen].to(fabric.device))
        scores = network(images.contiguous(memory_format=torch.channels_last))
        right += (scores.argmax(1) == split.labels[chosen].to(fabric.device)).sum()
    return int(fabric.all_reduce(right, reduce_op="sum")) / len(split)
