"""The Inception network by whose features FID and KID compare images."""

import io
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from hwsubnet.errors import ModelError, ToolError

FEATURES = 2048


def inception(path: Path) -> nn.Module:
    """Build torch-fidelity's Inception network, whose FID equals that of the TensorFlow original.

    Parameters
    ----------
    path
        Its weights, safetensors. torch-fidelity publishes them as a pickle,
        ``pt_inception-2015-12-05-6726825d.pth``; docs/tasks.md says how to convert it.

    Raises
    ------
    ToolError
        If torch-fidelity is not installed.
    ModelError
        If the file is missing, damaged, or of another network.
    """
    try:
        import torch_fidelity  # noqa: F401
        from torchmetrics.image.fid import NoTrainInceptionV3
    except ImportError as error:
        raise ToolError(
            "FID is computed by torch-fidelity, which is not installed",
            fix="pip install 'hwsubnet[fid]'",
        ) from error
    # torch-fidelity would unpickle whatever the file holds, so it is given a file made here.
    checked: Any = io.BytesIO()
    try:
        torch.save(load_file(path), checked)
        checked.seek(0)
        network: Any = NoTrainInceptionV3("inception-v3-compat", [str(FEATURES)], checked)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"does not hold the Inception network's weights ({shorten(str(error), 200)})",
            where=path,
            fix="docs/tasks.md says how to make it",
        ) from error
    network.num_features = FEATURES
    made: nn.Module = network
    return made
