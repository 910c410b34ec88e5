"""Networks on disk: safetensors files, whose shapes also say how far a network was compacted."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from hwsubnet.artifacts import NetworkSpec, replacing
from hwsubnet.errors import ModelError
from hwsubnet.models.build import build


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the state of `model`, masks and quantizers included, at once or not at all.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    with replacing(path) as temporary:
        try:
            save_file(state, temporary)
        except SafetensorError as error:  # how it reports a full disk
            raise OSError(str(error)) from error


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    try:
        state: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"is not a readable safetensors file ({error})",
            where=path,
            fix="delete its folder and run the stage again",
        ) from error
    return state


def load_network(spec: NetworkSpec, path: Path) -> nn.Module:
    """Build a network and load its state, in evaluation mode.

    A compact network's file holds smaller tensors than `spec` asks for; the network takes the
    shapes of the file.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or of another network.
    """
    model = build(spec)
    state = load_weights(path)
    try:
        fit_shapes(model, state)
        model.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        raise ModelError(
            f"does not hold the network {spec.name!r} ({shorten(str(error), 200)})",
            where=path,
            fix="delete its folder and run the stage again",
        ) from error
    return model.eval()


def fit_shapes(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give every layer the number of channels that its tensors in `state` have.

    Values are not loaded: parameters and buffers that change shape are left uninitialized.
    """
    for prefix, module in model.named_modules():
        for own in (module._parameters, module._buffers):
            for name, tensor in own.items():
                loaded = state.get(f"{prefix}.{name}")
                if tensor is not None and loaded is not None and loaded.shape != tensor.shape:
                    tensor.data = torch.empty_like(loaded, dtype=tensor.dtype)
        _adopt_shapes(module)


def _adopt_shapes(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d):
        outputs, inputs = module.weight.shape[:2]
        if module.transposed:
            outputs, inputs = inputs, outputs
        if module.groups == module.in_channels > 1:
            # Depthwise: as many convolution groups as input channels.
            times = module.out_channels // module.in_channels
            module.groups = inputs = outputs // times
        elif module.groups > 1:
            return  # other groups keep their channels
        module.in_channels, module.out_channels = inputs, outputs
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _NormBase) and module.state_dict():
        module.num_features = len(next(iter(module.state_dict().values())))
