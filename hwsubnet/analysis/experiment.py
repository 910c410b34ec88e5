"""Small classifiers and autoencoders, trained independently of each other, and their rankings.

Two convolutions with ReLU and max pooling, then linear layers; or the same convolutions as a
variational encoder, with a decoder of three transposed convolutions and a sigmoid. The networks
are those that Zhang, Colbert & Das (2022) describe; sizes, data and recipe are ours.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsubnet.analysis.predecessors import Comparison, NamedGroups, compare
from hwsubnet.artifacts import NetworkSpec
from hwsubnet.convert import convert
from hwsubnet.data import Split, to_real
from hwsubnet.models import build
from hwsubnet.prune import Measure, find_groups
from hwsubnet.train.tasks.autoencoding import bound

Kind = Literal["classifier", "autoencoder"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SPARSITIES = (0.25, 0.5, 0.75)
BATCH = 64
MEASURED_ON = 1024
"""Images on which importance is measured."""
LAYERS = {
    "classifier": ("conv 1", "conv 2", "linear 1"),
    "autoencoder": ("conv 1", "conv 2", "decoder's linear", "deconv 1", "deconv 2"),
}
"""Layers whose channels can go, in forward order."""


def make_model(kind: Kind, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Make an untrained float network with masks, for images (C, H, W), sides multiples of 4."""
    channels, height, wide = shape
    if kind == "autoencoder":
        return build(NetworkSpec(name="vae", input_shape=shape, classes=classes))
    return convert(
        nn.Sequential(
            nn.Conv2d(channels, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * (height // 4) * (wide // 4), 64), nn.ReLU(), nn.Linear(64, classes),
        )
    )  # fmt: skip


def groups_of(kind: Kind, model: nn.Module) -> NamedGroups:
    """Find the prunable groups of a model; an autoencoder's two halves are traced one by one."""
    parts: Sequence[nn.Module] = (model,)
    if kind == "autoencoder":
        parts = (model.get_submodule("encoder"), model.get_submodule("decoder"))
    groups = [group for part in parts for group in find_groups(part) if group.prunable]
    return list(zip(LAYERS[kind], groups, strict=True))


def train_model(kind: Kind, model: nn.Module, split: Split, *, seed: int, epochs: int) -> float:
    """Train by Adam; the loss is cross entropy, or the negative ELBO per image.

    Returns
    -------
    The last epoch's mean loss.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    losses: list[float] = []
    for epoch in range(epochs):
        losses = []
        for chosen in _batches(len(split), seed, epoch):
            images = to_real(split.images[chosen])
            loss = _loss(kind, model, images, split.labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)


def run_model(
    kind: Kind,
    split: Split,
    classes: int,
    *,
    seed: int,
    epochs: int = 4,
    sparsities: Sequence[float] = SPARSITIES,
    measure: Measure = "activation-l1",
) -> tuple[Comparison, ...]:
    """Train one model from its seed and compare its rankings.

    Parameters
    ----------
    split
        Images to learn from; the first of them are measured on.
    seed
        Of the first weights, the order of images and the codes that are drawn.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels, height, wide = split.images.shape[1:]
        model = make_model(kind, (channels, height, wide), classes)
        train_model(kind, model, split, seed=seed, epochs=epochs)
        measured = torch.split(to_real(split.images[:MEASURED_ON]), BATCH)
        return compare(model, lambda m: groups_of(kind, m), measured, sparsities, measure)


def _batches(count: int, seed: int, epoch: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(1000 * seed + epoch)
    order = torch.randperm(count, generator=generator)
    return (chosen for chosen in torch.split(order, BATCH) if len(chosen) == BATCH)


def _loss(kind: Kind, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    if kind == "classifier":
        return functional.cross_entropy(model(images), labels)
    fit, divergence = bound(images, *model.draw(images))  # type: ignore[operator]
    return (divergence - fit).mean()
