"""Images by way of a code: the variational autoencoder."""

from typing import ClassVar

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import MeanMetric

from hwsubnet.data import Kind, Split
from hwsubnet.train.tasks.task import Learning, Measures, Task, portions


class Autoencoding(Task):
    """The evidence lower bound of Kingma & Welling (2014), in nats an image.

    ``ELBO = E_q [log p(x | z)] - KL(q(z | x) || N(0, 1))``, pixels being Bernoulli variables of
    which an image gives the probabilities. One code is drawn for each image; in evaluation always
    the same.
    """

    metric = "ELBO"
    kinds: ClassVar[tuple[Kind, ...]] = ("classes", "maps")
    methods = ("draw",)

    def step(self, learning: Learning, images: Tensor, labels: Tensor) -> Tensor:
        """Learn from a batch."""
        fit, divergence = bound(images, *learning.network.draw(images))  # type: ignore[operator]
        loss = (divergence - fit).mean()
        learning.descend(loss)
        return loss.detach()

    @torch.no_grad()
    def evaluate(self, fabric: Fabric, network: nn.Module, split: Split) -> Measures:
        """Measure a network on all images of a split."""
        network.eval()
        parts = {
            name: MeanMetric().set_dtype(torch.float64).to(fabric.device)
            for name in ("fit", "divergence")
        }
        with torch.random.fork_rng(devices=devices(fabric)):
            torch.manual_seed(0)
            for _, images in portions(fabric, split.images):
                drawn = network.draw(images)  # type: ignore[operator]
                for mean, value in zip(parts.values(), bound(images, *drawn), strict=True):
                    mean.update(value.double())
        fit, divergence = (float(mean.compute()) for mean in parts.values())
        return {"ELBO": fit - divergence, "divergence": divergence}


def devices(fabric: Fabric) -> list[torch.device]:
    """Devices whose random numbers are drawn besides the CPU's."""
    return [] if fabric.device.type == "cpu" else [fabric.device]


def bound(
    images: Tensor, again: Tensor, mean: Tensor, log_variance: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the two parts of the ELBO.

    Parameters
    ----------
    images, again
        (N, C, H, W) in [0, 1]: what went in, and what the drawn codes became.
    mean, log_variance
        (N, code), of q(z | x).

    Returns
    -------
    log p(x | z) and the divergence from the prior of each image, both (N,).
    """
    losses = functional.binary_cross_entropy(again.float(), images, reduction="none")
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
    return -losses.flatten(1).sum(1), divergence.float().sum(1)
