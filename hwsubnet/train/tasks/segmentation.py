"""A class for each pixel."""

from typing import ClassVar

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassJaccardIndex

from hwsubnet.data import IGNORED, Kind, Split
from hwsubnet.train.tasks.task import Measures, Supervised, portions


class Segmentation(Supervised):
    """Bootstrapped cross-entropy, and mean intersection over union.

    The loss is the mean over the hardest pixels of each image, those of the greatest loss, whose
    share is ``training.hardest`` (Wu, Shen & van den Hengel, 2016; Pohlen et al., CVPR 2017).

    The mean is over the classes that occur in the labels or in the answers of the whole split.
    """

    metric = "mIoU"
    kinds: ClassVar[tuple[Kind, ...]] = ("maps",)

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Compare scores (N, classes, H, W) with classes (N, H, W), of which `IGNORED` is none."""
        losses = functional.cross_entropy(
            scores, labels.long(), ignore_index=IGNORED, reduction="none"
        )
        known = (labels != IGNORED).flatten(1)
        hardest = max(1, round(self.recipe.hardest * known.shape[1]))
        # Of pixels without a class the loss is 0: they come last, and do not count.
        top, where = losses.flatten(1).topk(hardest, dim=1)
        return top.sum() / known.gather(1, where).sum().clamp(min=1)

    @torch.no_grad()
    def evaluate(self, fabric: Fabric, network: nn.Module, split: Split) -> Measures:
        """Measure a network on all images of a split."""
        network.eval()
        overlap: MulticlassJaccardIndex | None = None
        for chosen, images in portions(fabric, split.images):
            scores = network(images)
            if overlap is None:
                overlap = MulticlassJaccardIndex(scores.shape[1], ignore_index=IGNORED)
                overlap = overlap.to(fabric.device)
            overlap.update(scores, split.labels[chosen].to(fabric.device).long())
        assert overlap is not None, "a process without images"
        return {"mIoU": float(overlap.compute())}
