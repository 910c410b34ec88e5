"""Images of one style into another, learnt without pairs: CycleGAN (Zhu et al., ICCV 2017)."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.config import TrainingConfig
from hwsubnet.data import Kind, Split, Splits
from hwsubnet.errors import ConfigError
from hwsubnet.models.generative import PatchDiscriminator, cyclegan, started
from hwsubnet.train.tasks.autoencoding import devices
from hwsubnet.train.tasks.inception import inception
from hwsubnet.train.tasks.task import Learning, Measures, Task, portions

CYCLE, IDENTITY = 10.0, 5.0
"""Weights of the losses beside the discriminators', as published."""
POOL = 50
"""Earlier images among which the discriminators are shown some."""
SUBSETS, SUBSET = 100, 1000
"""Of the kernel distance: how many are drawn, and how large they are at most."""


class StyleTransfer(Task):
    """Least-squares adversarial losses, cycles and identities; FID and KID of what is made.

    The network turns style A (``trainA``) into B. A second generator for the way back and a
    discriminator of each style learn beside it; like in the paper's code, they are neither pruned
    nor quantized. Masks and ranges of the network see only what it will see when it is used: the
    images of style A that it translates, once a step. For cycles and identities it runs in
    evaluation mode.

    Parameters
    ----------
    recipe
        Of the training.
    features
        Weights of the Inception network, or a module of your own that takes images, uint8
        (N, C, H, W), and gives features (N, F). Only distances by the same features compare.

    Raises
    ------
    ConfigError
        If there is nothing to compare images by, or several processes are to train.
    """

    metric = "FID"
    higher_is_better = False
    kinds: ClassVar[tuple[Kind, ...]] = ("styles",)
    smallest_batch = 1

    def __init__(self, recipe: TrainingConfig, features: nn.Module | Path | None) -> None:
        super().__init__(recipe)
        if recipe.devices > 1:
            raise ConfigError(
                "style transfer learns in one process", where="training.devices", fix="set it to 1"
            )
        if features is None:
            raise ConfigError(
                "FID and KID compare images by the features of an Inception network",
                where="data.features",
                fix="name the file with its weights, as torch-fidelity publishes them",
            )
        self.features = features if isinstance(features, nn.Module) else inception(features)

    def check(self, name: str, splits: Splits) -> None:
        """Raise `ConfigError` if a network of that name cannot learn it from such data."""
        super().check(name, splits)
        if min(splits.shape[1:]) < 32:
            raise ConfigError("discriminators need images of at least 32x32", where="data.size")
        if min(len(splits.test.images), len(splits.test.labels)) < 2:
            raise ConfigError("FID needs at least two test images of each style", where="data.path")

    def companions(self, spec: NetworkSpec) -> nn.ModuleDict:
        """Make the generator back, discriminators, and what they are shown of earlier images."""
        channels = spec.input_shape[0]
        return nn.ModuleDict(
            {
                "back": cyclegan(channels, spec.width),
                "judge_a": started(PatchDiscriminator(channels, spec.width)),
                "judge_b": started(PatchDiscriminator(channels, spec.width)),
                "pool_a": ImagePool(spec.input_shape),
                "pool_b": ImagePool(spec.input_shape),
            }
        )

    def optimizers(
        self, network: nn.Module, companions: Mapping[str, nn.Module]
    ) -> list[torch.optim.Optimizer]:
        """Make one for both generators, one for both discriminators."""
        generators = [*network.parameters(), *companions["back"].parameters()]
        return [self.optimizer(generators), self.optimizer(_judges(companions))]

    def step(self, learning: Learning, images: Tensor, labels: Tensor) -> Tensor:
        """Let the generators take a step, then the discriminators."""
        there, others = learning.network, learning.companions
        back, judge_a, judge_b = others["back"], others["judge_a"], others["judge_b"]
        real_a, real_b = images, labels / 255
        made_b, made_a = there(real_a), back(real_b)
        with _still(_judges(others)):
            loss = _judged(judge_b(made_b), 1.0) + _judged(judge_a(made_a), 1.0)
        there.eval()  # what follows is not what it will see in use
        loss = loss + CYCLE * functional.l1_loss(back(_pixels(made_b)), _signed(real_a))
        loss = loss + CYCLE * functional.l1_loss(there(_pixels(made_a)), _signed(real_b))
        loss = loss + IDENTITY * functional.l1_loss(there(real_b), _signed(real_b))
        loss = loss + IDENTITY * functional.l1_loss(back(real_a), _signed(real_a))
        learning.descend(loss, 0)
        shown_a, shown_b = others["pool_a"](made_a.detach()), others["pool_b"](made_b.detach())
        judged = _judged(judge_b(_signed(real_b)), 1.0) + _judged(judge_b(shown_b), 0.0)
        judged = judged + _judged(judge_a(_signed(real_a)), 1.0) + _judged(judge_a(shown_a), 0.0)
        learning.descend(0.5 * judged, 1)
        return loss.detach()

    @torch.no_grad()
    def evaluate(self, fabric: Fabric, network: nn.Module, split: Split) -> Measures:
        """Compare what is made of all images of style A with all images of style B."""
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.kid import KernelInceptionDistance
        from torchmetrics.wrappers import FeatureShare

        network.eval()
        channels, height, width = split.labels.shape[1:]
        fewest = min(len(split.images), len(split.labels))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance` will save")
            distances: Any = FeatureShare(
                [
                    FrechetInceptionDistance(
                        self.features, input_img_size=(channels, height, width)
                    ),
                    KernelInceptionDistance(
                        self.features, subsets=SUBSETS, subset_size=min(SUBSET, fewest)
                    ),
                ]
            ).to(fabric.device)
        for chosen, _ in portions(fabric, split.labels):
            distances.update(split.labels[chosen].to(fabric.device), real=True)
        for _, images in portions(fabric, split.images):
            made = _pixels(network(images)).mul(255).round().to(torch.uint8)
            distances.update(made, real=False)
        with torch.random.fork_rng(devices=devices(fabric)):
            torch.manual_seed(0)  # of the subsets
            found = distances.compute()
        return {
            "FID": float(found["FrechetInceptionDistance"]),
            "KID": float(found["KernelInceptionDistance"][0]),
        }


class ImagePool(nn.Module):
    """Shows a discriminator what was made before, so that it does not forget it.

    Until there are `POOL` images, each is kept and shown. Then one in two takes the place of an
    earlier one, which is shown instead (Shrivastava et al., CVPR 2017).

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    """

    kept: Tensor
    count: Tensor

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(POOL, *shape))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, images: Tensor) -> Tensor:
        """Exchange some of the images (N, C, H, W)."""
        shown = images.clone()
        for index, image in enumerate(images):
            if self.count < POOL:
                self.kept[self.count] = image
                self.count += 1
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(POOL, ()))
                shown[index] = self.kept[place]
                self.kept[place] = image
        return shown


def _pixels(made: Tensor) -> Tensor:
    """Turn what a generator gives, in [-1, 1], into what one takes, in [0, 1]."""
    return (made + 1) / 2


def _signed(real: Tensor) -> Tensor:
    """Turn an image in [0, 1] into what discriminators take, in [-1, 1]."""
    return 2 * real - 1


def _judged(scores: Tensor, wanted: float) -> Tensor:
    return functional.mse_loss(scores, torch.full_like(scores, wanted))


def _judges(companions: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    return [p for name in ("judge_a", "judge_b") for p in companions[name].parameters()]


@contextmanager
def _still(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Let no gradients reach some parameters."""
    chosen = list(parameters)
    for parameter in chosen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in chosen:
            parameter.requires_grad_(True)
