"""Frames per second of our folding against FINN's ``SetFolding``, at no more resources.

Prints one JSON document. For each network and board, FINN's own transformation folds the lowered
graph for frame rates of the series 1, 2, 5, 10, 20, ...: the highest ones whose designs the model
of costs puts inside a share of the board. Each design is synthesized node by node, streams
included. The search is then asked for the highest throughput within exactly these LUTs, BRAM18s
and DSPs, and its design is synthesized too. Where the model of costs was wrong, limits are
corrected by how much, and the search is asked again; what is compared never takes more than FINN's
design. FIFOs have their default depth on both sides. ``--reckoned`` compares by the model of costs
alone, without synthesis, in seconds.

The networks have random weights. All but TFC are narrower than their originals, as synthesis would
take hours. ``--simulate`` runs the winners in RTL, their FIFOs as deep as simulation says, and puts
measured cycles per frame beside the formulas'.

    python benchmarks/folding.py [--share 0.25] [--targets 3] [--networks tfc-2w2a ...]
"""

import argparse
import json
import logging
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from numpy.typing import NDArray
from torch import nn

from hwsubnet.artifacts import LoweredGraph
from hwsubnet.boards import Board, load_board
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.errors import DoesNotFit
from hwsubnet.estimate import estimate
from hwsubnet.estimate.estimating import prices
from hwsubnet.estimate.legality import Folding, choices, limits
from hwsubnet.estimate.options import units
from hwsubnet.estimate.request import given_foldings
from hwsubnet.estimate.search import NAMES, Choice, Search
from hwsubnet.finn_adapter.hardware import HardwareNode, hardware_nodes
from hwsubnet.flow.simulating import size_accelerator
from hwsubnet.lower import lower
from hwsubnet.progress import track
from hwsubnet.simulate.rtlsim import simulate
from hwsubnet.synth import Limits, synthesize
from hwsubnet.tools import cache_folder

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.quantized_networks import NETWORKS, Residual, ready
from synthesis import network as cnv

Costs = NDArray[np.float64]
COMPARED = np.array([name in ("LUT", "BRAM18", "DSP", "URAM") for name in NAMES])
ATTEMPTS = 5
"""How often limits are corrected."""
RATES = [base * 10**power for power in range(8) for base in (1, 2, 5)]
"""Frames per second that FINN is asked for."""
BITS = {"weight_bit_width": 4, "weight_quant_narrow_range": True, "bias": False}


def block(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Module:
    """Build convolution, norm and activation, W4A4."""
    return nn.Sequential(
        qnn.QuantConv2d(
            inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, **BITS
        ),
        nn.BatchNorm2d(outputs),
        qnn.QuantReLU(bit_width=4),
    )


def classifier(inputs: int) -> nn.Module:
    """Build the last layer."""
    return nn.Sequential(nn.Flatten(), qnn.QuantLinear(inputs, 10, **BITS))


def image() -> nn.Module:
    """Build the quantizer of pixels."""
    from brevitas.quant import Uint8ActPerTensorFloat

    return qnn.QuantIdentity(bit_width=8, act_quant=Uint8ActPerTensorFloat)


def fashion_cnv() -> nn.Module:
    """Build the preset's network, half as wide."""
    return nn.Sequential(
        image(), block(1, 16), nn.MaxPool2d(2), block(16, 16), block(16, 32), nn.MaxPool2d(2),
        block(32, 32), classifier(32 * 7 * 7),
    )  # fmt: skip


def resnet8() -> nn.Module:
    """Build ResNet-8, half as wide."""
    return nn.Sequential(
        image(), block(3, 8), Residual(8, 8), Residual(8, 16, stride=2), Residual(16, 32, stride=2),
        nn.AvgPool2d(8), classifier(32),
    )  # fmt: skip


def depthwise() -> nn.Module:
    """Build depthwise separable layers, as MobileNet has them."""
    return nn.Sequential(
        image(), block(3, 8, stride=2), block(8, 8, groups=8), block(8, 16, 1),
        block(16, 16, stride=2, groups=16), block(16, 32, 1), block(32, 32, groups=32),
        block(32, 32, 1), nn.AdaptiveAvgPool2d(1), classifier(32),
    )  # fmt: skip


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "tfc-2w2a": NETWORKS["tfc-2w2a"],
    "depthwise-4w4a": (depthwise, (3, 32, 32)),
    "fashion-cnv-4w4a": (fashion_cnv, (1, 28, 28)),
    "resnet8-4w4a": (resnet8, (3, 32, 32)),
    "cnv-2w2a": (lambda: cnv(0.25), (3, 32, 32)),
}


@dataclass(frozen=True)
class Design:
    """A folded network, synthesized."""

    cycles: int
    total: Costs
    """As synthesized, shape (5,)."""
    folded: Path


@dataclass(frozen=True)
class Bench:
    """One network, lowered for one board."""

    lowered: LoweredGraph
    board: Board
    folder: Path

    def search(self, wanted: dict[str, Folding] | None = None) -> Search:
        """Return the search, with foldings that are given."""
        grouped = units(self.nodes())
        ultraram = self.board.resources.URAM > 0
        given = given_foldings(grouped, wanted, ultraram=ultraram) if wanted else None
        return Search(grouped, self.board, prices(self.board), given)

    def nodes(self) -> list[HardwareNode]:
        """Return the graph's nodes as they were lowered."""
        return hardware_nodes(onnx.load(self.folder / self.lowered.dataflow.path))

    def design(self, folding: dict[str, Folding], reckoned: bool) -> Design:
        """Fold, emit and synthesize, or take the model's word for it."""
        out = Path(tempfile.mkdtemp(dir=self.folder))
        found = estimate(self.lowered, self.folder, self.board, out, folding=folding)
        folded = out / found.folded.path
        if reckoned:
            return Design(found.cycles_per_frame, self.search(folding).balanced().total, folded)
        emit_rtl(
            folded,
            out / "rtl",
            part=self.board.part,
            clock_mhz=self.board.clock_mhz,
            has_ultraram=bool(self.board.resources.URAM),
        )
        report = synthesize(out / "rtl", self.board, whole=False, limits=Limits(jobs=1))
        used = report.cells.resources
        total = np.array([getattr(used, name) for name in NAMES], dtype=float)
        return Design(found.cycles_per_frame, total, folded)

    def simulated_cycles(self, folded: Path) -> float:
        """Return cycles per frame in RTL, its FIFOs as deep as simulation says."""
        cache = cache_folder("simulations")
        out = folded.parent / "sized"
        target = size_accelerator(folded, self.board, self.board.clock_mhz, out, cache)
        (stream,) = target.graph.inputs
        low, high = stream.datatype.min, stream.datatype.max
        frames = np.random.default_rng(0).integers(low, high, (4, *stream.shape), endpoint=True)
        if stream.datatype.bipolar:
            frames = np.where(frames > 0, high, low)
        cycles = simulate(target, {stream.tensor: frames}, cache=cache).cycles_per_frame
        assert cycles is not None
        return cycles


def set_folding(nodes: list[HardwareNode], cycles: int) -> dict[str, Folding]:
    """Return the foldings that FINN's transformation finds for a target in cycles per frame.

    It knows nodes that only this project has as RTL by the name of their HLS variant.
    """
    from finn.custom_op.fpgadataflow.hls import custom_op as hls
    from finn.transformation.fpgadataflow.set_folding import SetFolding
    from onnx import helper
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.custom_op.registry import getCustomOp

    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node.proto)
        if node.op.endswith("_rtl") and node.kind in KNOWN_AS_HLS and f"{node.kind}_hls" in hls:
            copy.op_type, copy.domain = f"{node.kind}_hls", copy.domain.replace(".rtl", ".hls")
        copies.append(copy)
    graph = helper.make_graph(copies, "folding", [], [])
    folded = ModelWrapper(helper.make_model(graph)).transform(SetFolding(cycles))
    found: dict[str, Folding] = {}
    by_output = {proto.output[0]: proto for proto in folded.graph.node}
    for node in nodes:
        proto = by_output[node.proto.output[0]]  # FINN sorts and renames
        names = [*limits(node), *({"parallel_window"} & set(choices(node)))]
        found[node.name] = {name: int(getCustomOp(proto).get_nodeattr(name)) for name in names}
    return found


KNOWN_AS_HLS = frozenset(
    {"DuplicateStreams", "GlobalAccPool", "LabelSelect", "Pool", "StreamingConcat"}
)


def finns_designs(bench: Bench, share: float, count: int) -> list[dict[str, Folding]]:
    """Return FINN's foldings for the highest rates that the model puts inside a share."""
    nodes, allowed = bench.nodes(), share * bench.search().held
    found: list[dict[str, Folding]] = []
    for rate in RATES:
        folding = set_folding(nodes, max(1, math.floor(bench.board.clock_mhz * 1e6 / rate)))
        if (bench.search(folding).balanced().total > allowed).any():
            break
        if folding not in found:
            found.append(folding)
    if not found:
        raise SystemExit(f"FINN's slowest folding takes more than {share:.0%} of the board")
    return found[-count:]


def ours(bench: Bench, allowed: Costs, reckoned: bool) -> tuple[Design, float]:
    """Return our fastest design within what is allowed, and the slowest search in CPU seconds."""
    best: Design | None = None
    asked, seen, slowest = allowed.copy(), [], 0.0
    for _ in range(ATTEMPTS):
        start = time.process_time()
        try:
            choice: Choice = bench.search().fastest(asked)
        except DoesNotFit:
            break
        slowest = max(slowest, time.process_time() - start)
        if choice.folding in seen:
            break
        seen.append(choice.folding)
        made = bench.design(choice.folding, reckoned)
        fits = (made.total <= allowed)[COMPARED].all()
        if fits and (best is None or made.cycles < best.cycles):
            best = made
        known = COMPARED & (made.total > 0)
        asked[known] = (allowed * choice.total / np.maximum(made.total, 1))[known]
    if best is None:
        raise SystemExit("no design of ours stayed within what FINN's took")
    return best, slowest


def compare(
    name: str, board: Board, arguments: argparse.Namespace, folder: Path
) -> Iterator[dict[str, Any]]:
    """Measure one network on one board, target by target."""
    build, shape = CASES[name]
    path = folder / "model.onnx"
    export_qonnx(ready(build, shape), torch.rand(1, *shape), str(path), dynamo=False)
    bench = Bench(lower(path, folder, board), board, folder)
    for folding in finns_designs(bench, arguments.share, arguments.targets):
        finn = bench.design(folding, arguments.reckoned)
        allowed = np.where(COMPARED, finn.total, bench.search().held)
        found, seconds = ours(bench, allowed, arguments.reckoned)
        result: dict[str, Any] = {
            "network": name,
            "board": board.name,
            "speedup": finn.cycles / found.cycles,
            "search_cpu_s": seconds,
            "finn": described(finn, board),
            "ours": described(found, board),
        }
        if arguments.simulate:
            result["ours"]["simulated_cycles"] = bench.simulated_cycles(found.folded)
        yield result


def described(design: Design, board: Board) -> dict[str, Any]:
    """Return a design's numbers."""
    return {
        "cycles": design.cycles,
        "fps": board.clock_mhz * 1e6 / design.cycles,
        **dict(zip(NAMES, design.total.tolist(), strict=True)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.25, help="of the board, for FINN's design")
    parser.add_argument("--networks", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--boards", nargs="+", default=["Pynq-Z2", "KV260"])
    parser.add_argument("--targets", type=int, default=3, help="frame rates of FINN's designs")
    parser.add_argument("--reckoned", action="store_true")
    parser.add_argument("--simulate", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rows = []
    cases = [(name, board) for name in arguments.networks for board in arguments.boards]
    for name, board in track(cases, "folding"):
        with tempfile.TemporaryDirectory() as temporary:
            for row in compare(name, load_board(board), arguments, Path(temporary)):
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    speedups = [row["speedup"] for row in rows]
    mean = math.exp(sum(map(math.log, speedups)) / len(speedups))
    counted = "reckoned" if arguments.reckoned else "synthesized"
    summary = {
        "resources": counted,
        "share": arguments.share,
        "geometric_mean": mean,
        "least": min(speedups),
    }
    print(json.dumps({**summary, "cases": rows}, indent=2))


if __name__ == "__main__":
    main()
