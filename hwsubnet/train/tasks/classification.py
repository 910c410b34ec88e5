"""One class for each image."""

from typing import ClassVar

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassStatScores

from hwsubnet.data import Kind, Split
from hwsubnet.train.tasks.task import Measures, Supervised, portions


class Classification(Supervised):
    """Cross-entropy, and the share of images that get the right class."""

    metric = "accuracy"
    kinds: ClassVar[tuple[Kind, ...]] = ("classes",)

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Compare scores (N, classes) with classes (N,)."""
        return functional.cross_entropy(scores, labels, label_smoothing=self.recipe.label_smoothing)

    @torch.no_grad()
    def evaluate(self, fabric: Fabric, network: nn.Module, split: Split) -> Measures:
        """Measure a network on all images of a split."""
        network.eval()
        counts: MulticlassStatScores | None = None
        for chosen, images in portions(fabric, split.images):
            scores = network(images)
            if counts is None:
                counts = MulticlassStatScores(scores.shape[1], average="micro").to(fabric.device)
            counts.update(scores, split.labels[chosen].to(fabric.device))
        assert counts is not None, "a process without images"
        right, *_, seen = counts.compute().tolist()
        return {"accuracy": right / seen}
