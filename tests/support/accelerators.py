"""A network on its whole way, with what its outputs have to be."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from hwsubnet.artifacts import Estimate, LoweredGraph
from hwsubnet.boards import Board, load_board
from hwsubnet.estimate import estimate
from hwsubnet.estimate.legality import Folding
from hwsubnet.estimate.options import units
from hwsubnet.finn_adapter.hardware import hardware_nodes
from hwsubnet.kernels import IntArray, KernelGraph, read_graph
from hwsubnet.lower import lower
from hwsubnet.lower.execute import Executor


def random_folding(dataflow: Path, seed: int) -> dict[str, Folding]:
    """Return a legal folding of every node; all are equally likely."""
    rng = np.random.default_rng(seed)
    folding: dict[str, Folding] = {}
    for unit in units(hardware_nodes(onnx.load(dataflow))):
        legal = unit.options(lambda _, foldings: np.zeros((len(foldings), 5))).foldings
        folding |= unit.named(legal[rng.integers(len(legal))])
    return folding


def side_by_side(graphs: Mapping[str, onnx.ModelProto]) -> onnx.ModelProto:
    """Put dataflow graphs into one that has all their inputs and outputs, names prefixed."""
    whole = onnx.ModelProto()
    for prefix, model in graphs.items():
        part = onnx.compose.add_prefix(model, f"{prefix}_")
        for annotation in part.graph.quantization_annotation:
            annotation.tensor_name = f"{prefix}_{annotation.tensor_name}"
        whole.MergeFrom(part)
    first = next(iter(graphs.values()))
    whole.ir_version, whole.graph.name = first.ir_version, "several"
    del whole.opset_import[:], whole.metadata_props[:]
    whole.opset_import.extend(first.opset_import)
    return whole


@dataclass(frozen=True, eq=False)
class Accelerator:
    """A lowered and folded network with one input and one output."""

    board: Board
    lowered: LoweredGraph
    estimated: Estimate
    folder: Path
    graph: KernelGraph

    @classmethod
    def of(
        cls,
        model: Path,
        folder: Path,
        board: str = "Pynq-Z2",
        *,
        fps: float | None = None,
        folding_seed: int | None = None,
    ) -> "Accelerator":
        """Lower a QONNX file and fold it: the fastest that fits, as `fps` asks, or at random."""
        target = load_board(board)
        for stage in ("lower", "estimate"):
            (folder / stage).mkdir(parents=True)
        lowered = lower(model, folder / "lower", target)
        dataflow = folder / "lower" / lowered.dataflow.path
        folding = None if folding_seed is None else random_folding(dataflow, folding_seed)
        estimated = estimate(
            lowered, folder / "lower", target, folder / "estimate", fps=fps, folding=folding
        )
        graph = read_graph(folder / "estimate" / estimated.folded.path)
        return cls(target, lowered, estimated, folder, graph)

    @property
    def folded(self) -> Path:
        return self.folder / "estimate" / self.estimated.folded.path

    @property
    def output(self) -> str:
        """The output's tensor."""
        (stream,) = self.graph.outputs
        return stream.tensor

    def frames(self, count: int, seed: int = 7) -> dict[str, IntArray]:
        """Random frames over all that the host may send, by tensor; both ends in the first two."""
        (stream,) = self.graph.inputs
        assert self.lowered.input.clip is not None
        low, high = self.lowered.input.clip
        frames = np.random.default_rng(seed).integers(
            low, high, (count, *stream.shape), endpoint=True
        )
        frames[0], frames[min(1, count - 1)] = low, high
        return {stream.tensor: frames}

    def streamlined(self, inputs: dict[str, IntArray]) -> IntArray:
        """Return what the streamlined graph gives, shape (N, elements) in the output's order."""
        model = onnx.load(self.folder / "lower" / self.lowered.streamlined.path)
        (frames,) = inputs.values()
        last = frames.reshape(len(frames), *self.lowered.input.shape[1:])
        result = Executor(model).run(np.moveaxis(last, -1, 1))
        last = np.moveaxis(result, 1, -1) if result.ndim == 4 else result
        return last.reshape(len(frames), -1)
