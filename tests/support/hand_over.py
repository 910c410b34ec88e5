"""From a trained network of any kind to hardware nodes, in one call."""

import torch

from hwsubnet.boards import load_board
from hwsubnet.compact import remove_channels
from hwsubnet.export import export
from hwsubnet.lower import lower, verify
from hwsubnet.prune import find_groups


def pixel_images(count, shape, seed=0):
    """Return uint8 images (N, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


def lowered(network, shape, folder, *, compact=True):
    """Compact, export and lower a network; return the artifact and its QONNX file."""
    if compact:
        network = remove_channels(network, find_groups(network))
    export(network, pixel_images(2, shape), folder)
    artifact = lower(folder / "model.onnx", folder / "lower", load_board("Pynq-Z2"))
    return artifact, folder / "model.onnx"


def verified(artifact, path, shape, count=16):
    """Compare the integer graph with the QONNX model on images."""
    images = (pixel_images(count, shape, seed=1) / 255).numpy()
    return verify(artifact, path.parent / "lower", path, images)
