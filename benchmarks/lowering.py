"""How long QONNX to estimate takes, how it grows with depth, and how FINN's own passes compare.

Prints one JSON document. Times are wall-clock seconds after imports, the best of `--repeat` runs in
one process; the peer runs in the same process on the same file.

    python benchmarks/lowering.py [--repeat 3]
"""

import argparse
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import torch
from torch import nn

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.boards import load_board
from hwsubnet.estimate import estimate
from hwsubnet.export import export
from hwsubnet.finn_adapter.session import initialize
from hwsubnet.lower import lower, verify
from hwsubnet.models import build
from hwsubnet.quant import set_quantization

BOARD = load_board("Pynq-Z2")
LEVELS = (1.0, 0.75, 0.5, 0.25)
"""Widths that stand for the four pruning levels of the default sweep."""


def best(action: Callable[[], object], repeat: int) -> float:
    """Return the shortest of so many runs, in seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def quantized(name: str, folder: Path, width: float = 1.0) -> Path:
    """Export a network of this project after two training steps on noise."""
    shape = (3, 32, 32) if name.startswith("resnet") else (1, 28, 28)
    torch.manual_seed(0)
    spec = NetworkSpec(name=name, input_shape=shape, classes=10, width=width)
    return exported(build(spec), shape, folder)


def exported(model: nn.Module, shape: tuple[int, int, int], folder: Path) -> Path:
    """Train a network for two steps on noise, so that its quantizers have seen data; export it."""
    set_quantization(model, weights=True, activations=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.rand(4, *shape)).square().mean().backward()
        optimizer.step()
    image = torch.randint(0, 256, (1, *shape), dtype=torch.uint8)
    export(model.eval(), image, folder)
    return folder / "model.onnx"


def deep(layers: int, folder: Path) -> Path:
    """Export a plain network of so many convolutions."""
    import brevitas.nn as qnn
    from brevitas.export import export_qonnx
    from brevitas.quant import Uint8ActPerTensorFloat

    torch.manual_seed(0)
    parts: list[nn.Module] = [qnn.QuantIdentity(bit_width=8, act_quant=Uint8ActPerTensorFloat)]
    channels = 1
    for _ in range(layers):
        conv = qnn.QuantConv2d(
            channels, 16, 3, padding=1, bias=False, weight_bit_width=4, weight_narrow_range=True
        )
        parts += [conv, nn.BatchNorm2d(16), qnn.QuantReLU(bit_width=4)]
        channels = 16
    model = nn.Sequential(*parts)
    with torch.no_grad():
        model(torch.rand(8, 1, 12, 12))
    path = folder / "model.onnx"
    folder.mkdir(parents=True)
    export_qonnx(model.eval(), torch.rand(1, 1, 12, 12), str(path), dynamo=False)
    return path


def to_estimate(path: Path) -> None:
    """Run what is measured."""
    out = path.parent / "out"
    estimate(lower(path, out, BOARD), out, BOARD, out)


def with_finn(path: Path) -> int:
    """Streamline, convert and specialize a linear network with FINN's passes; no folding.

    FINN has no place for a quantizer at the input: it becomes the input's datatype and a scale.
    Returns the number of nodes that did not become hardware.
    """
    from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
    from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
    from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
        InferQuantizedMatrixVectorActivation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.thresholding import (
        InferThresholdingLayer,
    )
    from finn.transformation.fpgadataflow.minimize_accumulator_width import (
        MinimizeAccumulatorWidth,
    )
    from finn.transformation.fpgadataflow.minimize_weight_bit_width import (
        MinimizeWeightBitWidth,
    )
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
    from finn.transformation.streamline import Streamline, absorb, reorder
    from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_data_layouts import InferDataLayouts
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul
    from qonnx.util.cleanup import cleanup_model

    model = cleanup_model(ModelWrapper(str(path)))
    entry = model.graph.node[0]
    entry.CopyFrom(onnx.helper.make_node("Mul", list(entry.input[:2]), list(entry.output)))
    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    tidy = [InferShapes(), InferDataTypes(), InferDataLayouts()]
    convert = [
        InferThresholdingLayer(),
        InferQuantizedMatrixVectorActivation(),
        InferPool(),
        InferConvInpGen(),
    ]
    finish = [
        SpecializeLayers(BOARD.part),
        MinimizeWeightBitWidth(),
        MinimizeAccumulatorWidth(),
        RoundAndClipThresholds(),
    ]
    streamline = [
        absorb.AbsorbScalarBiasIntoMultiThreshold(),
        Streamline(),
        LowerConvsToMatMul(),
        reorder.MakeMaxPoolNHWC(),
        absorb.AbsorbTransposeIntoMultiThreshold(),
        reorder.MakeMaxPoolNHWC(),
        absorb.AbsorbConsecutiveTransposes(),
        Streamline(),
        absorb.AbsorbTransposeIntoMultiThreshold(),
        absorb.AbsorbConsecutiveTransposes(),
    ]
    for step in [ConvertQONNXtoFINN(), *tidy, *streamline, *tidy, *convert, *finish]:
        model = model.transform(step)
    return sum(not node.domain.startswith("finn") for node in model.graph.node)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    initialize()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        levels = [quantized("cnv", folder / str(width), width) for width in LEVELS]
        to_estimate(levels[0])  # imports
        each = [best(partial(to_estimate, path), repeat) for path in levels]
        depths = {layers: deep(layers, folder / f"deep{layers}") for layers in (8, 16, 32)}
        residual = quantized("resnet20", folder / "resnet20")
        out = levels[0].parent / "out"
        lowered = lower(levels[0], out, BOARD)
        images = torch.randint(0, 256, (512, 1, 28, 28)).numpy().astype("float32") / 255
        left = with_finn(levels[0])  # imports
        peer = best(partial(with_finn, levels[0]), repeat)
        result = {
            "fashion_cnv_s": each[0],
            "fashion_cnv_four_levels_s": sum(each),
            "verify_512_images_s": best(partial(verify, lowered, out, levels[0], images), 1),
            "layers_s": {
                str(layers): best(partial(to_estimate, path), repeat)
                for layers, path in depths.items()
            },
            "resnet20_s": best(partial(to_estimate, residual), repeat),
            "finn_streamline_convert_s": peer,
            "finn_nodes_left": left,
            "finn_over_ours": peer / each[0],
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
