"""How the steps of a training are computed."""

import torch
from torch import nn

from hwsubnet import tools
from hwsubnet.config import Kernels
from hwsubnet.fused import fuse


def accelerated(network: nn.Module, kernels: Kernels, device: torch.device) -> nn.Module:
    """Return what trains `network` in its place, with the same parameters and buffers.

    On the CPU freed memory is kept for the next step; only there can kernels be fused.
    """
    if device.type != "cpu":
        return network
    tools.keep_memory()
    return fuse(network) if kernels == "fused" else network
