"""Writes a quantized network as QONNX, with what it must answer beside it."""

import copy
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.onnx.errors import OnnxExporterError

from hwsubnet.artifacts import ExportedModel, File, replacing
from hwsubnet.data import to_real
from hwsubnet.errors import ModelError
from hwsubnet.export.scopes import module_path, with_flat_names
from hwsubnet.models import layer_label
from hwsubnet.prune import ChannelMask
from hwsubnet.quant import unquantized

OPSET = 13
"""ONNX operator set of the file; qonnx and FINN are tested with it."""

CHUNK = 256
"""Images evaluated at a time."""


def export(model: nn.Module, images: Tensor, out: Path) -> ExportedModel:
    """Write ``model.onnx``, ``golden.npz`` and the record of both.

    The model takes one image at a time, ``global_in`` (1, C, H, W) in [0, 1], and gives the
    logits, ``global_out`` (1, classes). Its weights lie inside the file. Nodes and tensors are
    numbered as qonnx does, so that their names depend on the network's structure alone.

    Parameters
    ----------
    model
        A quantized network; it is copied, not changed. Masked channels must have been removed.
    images
        uint8 (N, C, H, W), N >= 1, for the golden vectors: ``x``, float32 in [0, 1], and ``y``,
        the logits that torch computes for them in float32.
    out
        Folder, made if need be.

    Raises
    ------
    ModelError
        If some quantizer is off or has never seen data, if channels are masked, or if ONNX has
        no form for an operation.
    OutputError
        If the folder cannot be written.
    """
    _check(model)
    network = copy.deepcopy(model).cpu().float().eval()
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    x = to_real(images.cpu()).contiguous()
    with torch.no_grad():
        y = torch.cat([network(part) for part in torch.split(x, CHUNK)])
    with replacing(out / "model.onnx") as temporary:
        onnx.save(_to_qonnx(network, x[:1], temporary), temporary)
    with replacing(out / "golden.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, x=x.numpy(), y=y.numpy())
    exported = ExportedModel(model=File.of(out, "model.onnx"), golden=File.of(out, "golden.npz"))
    exported.save(out)
    return exported


def _check(model: nn.Module) -> None:
    if missing := unquantized(model):
        raise ModelError(
            f"{len(missing)} of the network's quantizers are off or have seen no data",
            where=missing[0],
            fix="train it with quantization before exporting it",
        )
    for name, module in model.named_modules():
        if isinstance(module, ChannelMask) and not bool(module.keep.all()):
            raise ModelError("still masks channels", where=name, fix="compact the network first")


def _to_qonnx(network: nn.Module, image: Tensor, path: Path) -> onnx.ModelProto:
    """Export through Brevitas, by way of `path`, and tidy the graph as QONNX tools expect it."""
    with warnings.catch_warnings():
        # Of optional packages that are not here, and of torch's newer exporter, whose graphs FINN
        # does not read.
        warnings.simplefilter("ignore")
        from brevitas.export import export_qonnx
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.util.cleanup import cleanup_model

        traced, paths = with_flat_names(network)
        try:
            export_qonnx(
                traced,
                args=image,
                export_path=str(path),
                dynamo=False,
                opset_version=OPSET,
                keep_initializers_as_inputs=False,
            )
        except OnnxExporterError as error:
            raise ModelError(
                f"cannot be written as ONNX ({str(error).splitlines()[0]})",
                where=type(network).__name__,
                fix="leave that operation to the host, outside the network",
            ) from error
        wrapper = ModelWrapper(str(path))
        for node in wrapper.graph.node:
            node.metadata_props.add(key="layer", value=layer_label(module_path(node.name, paths)))
        wrapper = cleanup_model(wrapper)
    model: onnx.ModelProto = wrapper.model
    return model
