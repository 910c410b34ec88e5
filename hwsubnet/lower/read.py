"""Reading a model file that someone else made.

Nothing in the file is executed, and nothing outside its folder is opened.
"""

import re
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from hwsubnet.errors import ModelError

SIZE_LIMIT = 2**31 - 1
"""Bytes; what a protocol buffer can hold."""

QUANTIZERS = frozenset({"Quant", "IntQuant", "BipolarQuant"})
STANDARD_DOMAINS = frozenset({"", "ai.onnx"})
QONNX_DOMAINS = frozenset({"qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"})


def read_model(path: Path) -> onnx.ModelProto:
    """Read a QONNX model and check that it is one.

    Parameters
    ----------
    path
        An ``.onnx`` file. External data may lie beside it or below, not elsewhere.

    Raises
    ------
    ModelError
        If the file is missing, too large, damaged, no ONNX, or has no quantizer; if it names an
        unknown op; or if its external data leaves its folder.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise ModelError(
                "is larger than 2 GB", where=path, fix="store weights as external data"
            )
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelError(
            f"cannot be read ({error.strerror})", where=path, fix="check the path"
        ) from error
    except DecodeError as error:
        raise ModelError(
            "is not an ONNX model", where=path, fix="export one with `hwsubnet export`"
        ) from error
    if not model.graph.node:
        raise ModelError("holds no ONNX graph", where=path, fix="export it again")
    _load_external_data(model, path)
    _check_ops(model, path)
    try:
        # Custom domains have no schema; the checker looks at everything else.
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"breaks an ONNX rule ({reason})", where=path, fix="export it again"
        ) from error
    if not any(node.op_type in QUANTIZERS for node in model.graph.node):
        raise ModelError(
            "has no Quant node: it is a float model, and the accelerator computes with integers",
            where=path,
            fix="train it with quantizers (Brevitas) and export it to QONNX",
        )
    return model


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    external = [t for t in model.graph.initializer if uses_external_data(t)]
    if not external:
        return
    root = path.resolve().parent
    for tensor in external:
        location = next((e.value for e in tensor.external_data if e.key == "location"), "")
        pure = PurePosixPath(location.replace("\\", "/"))
        inside = bool(location) and not pure.is_absolute() and ".." not in pure.parts
        if not inside or not (root / pure).resolve().is_relative_to(root):
            raise ModelError(
                f"tensor {tensor.name!r} has its data in {location!r}, outside the model's folder",
                where=path,
                fix="keep external data beside the model",
            )
    try:
        load_external_data_for_model(model, str(root))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"external data cannot be read ({error})", where=path) from error


def _check_ops(model: onnx.ModelProto, path: Path) -> None:
    for node in model.graph.node:
        if node.domain in STANDARD_DOMAINS and onnx.defs.has(node.op_type):
            continue
        if node.domain in QONNX_DOMAINS:
            continue
        raise ModelError(
            f"node {node.name or node.output[0]!r} has the unknown op "
            f"{node.domain or 'ai.onnx'}.{node.op_type}",
            where=path,
            fix="use standard ONNX and QONNX ops",
        )


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node a name of its own, keeping names that are unique already."""
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{index}"
        seen.add(node.name)


def layer_name(text: str) -> str:
    """Turn a parameter or node name into a layer name that is safe to show and to look for."""
    cleaned = re.sub(r"[^A-Za-z0-9_.]+", "_", text).strip("._")
    return re.sub(r"[._](weight|bias)(_quant.*)?$", "", cleaned)[:80] or "layer"
