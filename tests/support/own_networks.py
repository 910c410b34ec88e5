"""Networks of ``hwsubnet.models`` with random weights, in the state that training leaves."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from support.hand_over import pixel_images
from support.training import exercise

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.export import export
from hwsubnet.models import build

SPECS = {
    "resnet8": NetworkSpec(name="resnet8", input_shape=(3, 32, 32), classes=10),
    # As wide as the recipe's network is at 25 %: 24, 24, 48 and 48 channels.
    "fashion-cnv-25": NetworkSpec(name="cnv", input_shape=(1, 28, 28), classes=10, width=0.75),
}


@cache
def _store() -> TemporaryDirectory[str]:
    """Return a folder that lives as long as the process."""
    return TemporaryDirectory(prefix="own-networks-")


@cache
def exported_own(name: str, seed: int = 0) -> Path:
    """Export one of `SPECS` as QONNX and return the file."""
    import torch

    spec, folder = SPECS[name], Path(_store().name) / f"{name}-{seed}"
    torch.manual_seed(seed)
    network = exercise(build(spec), spec.input_shape, seed=seed, sparsity=0)
    export(network, pixel_images(2, spec.input_shape, seed), folder)
    return folder / "model.onnx"
