"""Brings networks of this project into the state that training leaves them in, in no time."""

import torch
from torch import nn

from hwsubnet.prune import find_groups, select
from hwsubnet.quant import set_quantization


def exercise(
    model: nn.Module,
    shape: tuple[int, int, int],
    *,
    seed: int = 0,
    sparsity: float | None = None,
    multiple: int = 1,
    steps: int = 2,
    quantize: bool = True,
) -> nn.Module:
    """Take a few optimizer steps on noise, with pruning and quantization on; then evaluation mode.

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    sparsity
        Level of every group that can be pruned; None: each group keeps a random part.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:  # norms whose channels differ and go below zero
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    for group in find_groups(model):
        if not group.prunable:
            continue
        scores = torch.rand(group.channels, generator=generator)
        if sparsity is None:
            keep = scores < torch.rand(1, generator=generator).clamp(min=0.2)
            for producer in group.producers:  # no layer may lose all its channels
                if not producer.pick(keep).any():
                    keep[producer.index[0]] = True
        else:
            keep = select(scores, sparsity, multiple)
        group.set_mask(keep)
    if quantize:
        set_quantization(model, weights=True, activations=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.rand(4, *shape, generator=generator)).square().mean().backward()
        optimizer.step()
    return model.eval()
