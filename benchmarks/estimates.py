"""How far the calibrated estimator is from synthesis, and FINN's formulas beside it.

Prints one JSON document with two parts. ``kinds``: for each operator, errors on samples that were
left out of the fit (`hwsubnet.estimate.calibration.fitting`). ``networks``: whole networks at four
shares of their widths, which stand for pruning levels, every node and stream synthesized; none of
them was fitted to. Of levels that ``--whole`` names the stitched design is synthesized, too, and
the sum of the parts is put beside it. Errors are shares of the synthesized count, of 20 LUTs or
flip-flops where it is smaller. FINN's formulas are compared where FINN has one.

    python benchmarks/estimates.py [--board NAME] [--networks N ...] [--whole LEVEL ...] [--run R]
"""

import argparse
import itertools
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import synthesis
import torch
from lowering import exported
from onnx import helper
from torch import nn

from hwsubnet.artifacts import NetworkSpec, Precision, Resources, RtlDesign, SynthesisReport
from hwsubnet.boards import Board, load_board
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.estimate import estimate
from hwsubnet.estimate.calibration import COLUMNS, costs, edge_cost
from hwsubnet.estimate.calibration.fitting import Sample, fit, relative, shipped
from hwsubnet.estimate.calibration.model import EDGE
from hwsubnet.finn_adapter.hardware import HardwareNode, hardware_nodes
from hwsubnet.kernels import read_graph
from hwsubnet.lower import lower
from hwsubnet.models import build
from hwsubnet.models.blocks import Activation, ConvBlock, Network
from hwsubnet.quant import QuantConv2d
from hwsubnet.synth import Limits, synthesize

LEVELS = (1.0, 0.75, 0.5, 0.25)
FITTED = ("LUT", "FF")
RULED = ("BRAM18", "DSP")
Counts = dict[str, float | None]


class Part(NamedTuple):
    """One node or stream: what is said of it, and what it is."""

    op: str
    calibrated: Counts
    analytical: Counts
    synthesized: Counts


def depthwise(spec: NetworkSpec) -> Network:
    """Build a depthwise-separable network: four blocks after a strided convolution."""
    widths = [max(4, round(width * spec.width)) for width in (16, 32, 32, 64, 64)]
    body = nn.Sequential(ConvBlock(spec.input_shape[0], widths[0], 3, spec.precision, 2))
    for inputs, outputs in pairwise(widths):
        body.append(_Separable(inputs, outputs, spec.precision))
    body.append(nn.AdaptiveAvgPool2d(1))
    body.append(Activation(widths[-1], spec.precision))
    body.append(nn.Flatten())
    return Network(body, widths[-1], spec.classes, spec.precision)


class _Separable(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, precision: Precision) -> None:
        super().__init__(
            QuantConv2d(inputs, inputs, 3, padding=1, groups=inputs, precision=precision),
            nn.BatchNorm2d(inputs),
            Activation(inputs, precision),
            ConvBlock(inputs, outputs, 1, precision),
        )


class Case(NamedTuple):
    """A network at full width, and how fast it shall be."""

    make: Callable[[NetworkSpec], nn.Module]
    shape: tuple[int, int, int]
    fps: float


NETWORKS = {
    "mlp": Case(build, (1, 28, 28), 2000),
    "cnv": Case(build, (1, 28, 28), 200),
    "depthwise": Case(depthwise, (3, 32, 32), 100),
    "resnet8": Case(build, (3, 32, 32), 50),
}
CNV_2W2A, CNV_2W2A_FPS = "cnv-2w2a", 100
"""Brevitas's bnn_pynq example, as ``synthesis.py`` builds it."""


def design(name: str, level: float, board: Board, folder: Path) -> Path:
    """Export, lower, fold and emit a network with a share of its widths; return the build folder.

    Its weights are random, but for two steps of training on noise.
    """
    if name == CNV_2W2A:
        return synthesis.design(level, board, CNV_2W2A_FPS, folder)
    case = NETWORKS[name]
    torch.manual_seed(0)
    spec = NetworkSpec(name=name, input_shape=case.shape, classes=10, width=level)
    lowered = lower(exported(case.make(spec), case.shape, folder), folder, board)
    folded = folder / estimate(lowered, folder, board, folder, fps=case.fps).folded.path
    emit_rtl(
        folded,
        folder / "rtl",
        part=board.part,
        clock_mhz=board.clock_mhz,
        has_ultraram=bool(board.resources.URAM),
    )
    return folder / "rtl"


def parts(folder: Path, report: SynthesisReport, board: Board) -> Iterator[Part]:
    """Yield the nodes and streams of a synthesized design."""
    record = RtlDesign.load(folder)
    graph = folder / record.graph.path
    ultraram = bool(board.resources.URAM)
    found = {part.name: part.cells.resources for part in (*report.nodes, *report.edges)}
    for node in hardware_nodes(onnx.load(graph)):
        (row,) = costs(node, [{}], board.family, ultraram=ultraram)
        yield Part(node.op, named(row), counts(node.analytical(board.part)),
                   counts(found[node.name]))  # fmt: skip
    kernels = read_graph(graph).kernels
    writes = {stream.tensor: stream.width for kernel in kernels for stream in kernel.outputs}
    reads = {stream.tensor: stream.width for kernel in kernels for stream in kernel.inputs}
    for edge in record.edges:
        if edge.tensor in found:
            before = writes.get(edge.tensor, reads.get(edge.tensor))
            after = reads.get(edge.tensor, before)
            assert before is not None
            assert after is not None
            (row,) = edge_cost(before, after, edge.depth, board.family, ultraram=ultraram)
            yield Part(EDGE, named(row), counts(Resources()), counts(found[edge.tensor]))


def of_sample(sample: Sample, part: str) -> Counts:
    """Return FINN's answer for a sampled node."""
    if sample.op == EDGE:
        return counts(Resources())
    node = helper.make_node(
        sample.op, ["x", "w"], ["y"], name="sample", backend="fpgadataflow",
        domain=f"finn.custom_op.fpgadataflow.{sample.op.rsplit('_', 1)[1]}", **sample.attributes,
    )  # fmt: skip
    return counts(HardwareNode(node).analytical(part))


def named(row: Iterable[float]) -> Counts:
    """Return a row of costs by resource."""
    return dict(zip(COLUMNS, map(float, row), strict=True))


def counts(resources: Resources) -> Counts:
    """Return a record as a dictionary."""
    return {name: getattr(resources, name) for name in COLUMNS}


def errors(pairs: Iterable[tuple[float | None, float | None]]) -> dict[str, float] | None:
    """Return median and 90th percentile of the relative error where there is an estimate."""
    known = [(said, true) for said, true in pairs if said is not None and true is not None]
    if not known:
        return None
    said, true = np.array(known, dtype=np.float64).T
    off = np.abs(relative(said, true))
    return {
        "count": len(known),
        "median": round(float(np.median(off)), 4),
        "p90": round(float(np.quantile(off, 0.9)), 4),
    }


def exact(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    """Return the share of estimates that are equal to the truth."""
    known = [said == true for said, true in pairs if said is not None]
    return round(sum(known) / len(known), 4) if known else None


def table(said: Sequence[Counts], true: Sequence[Counts]) -> dict[str, Any]:
    """Return how far estimates are off, by resource."""
    pairs = {
        name: [(a[name], b[name]) for a, b in zip(said, true, strict=True)] for name in COLUMNS
    }
    return {name: errors(pairs[name]) for name in FITTED} | {
        name: {"exact": exact(pairs[name])} for name in RULED
    }


def compared(of: Sequence[Part]) -> dict[str, Any]:
    """Return the errors of nodes and streams, one by one and in total."""
    true = [part.synthesized for part in of]
    said = {rung: [getattr(part, rung) for part in of] for rung in ("calibrated", "analytical")}
    totals = {
        rung: {name: round(sum(row[name] or 0 for row in rows)) for name in (*FITTED, *RULED)}
        for rung, rows in {**said, "synthesized": true}.items()
    }
    return {
        "parts": len(of),
        **{rung: table(rows, true) for rung, rows in said.items()},
        "totals": totals,
        "total_error": {
            name: round(totals["calibrated"][name] / max(totals["synthesized"][name], 1) - 1, 4)
            for name in FITTED
        },
    }


def kinds(board: Board) -> dict[str, Any]:
    """Return the errors of samples that were left out of the fit, and FINN's."""
    samples = shipped()
    result = fit(samples)["errors"]
    for op, row in result.items():
        mine = [sample for sample in samples if sample.op == op and sample.family == board.family]
        finn = [of_sample(sample, board.part) for sample in mine]
        row["analytical"] = table(finn, [dict(sample.truth) for sample in mine])
    return dict(result)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", default="Pynq-Z2")
    parser.add_argument("--networks", nargs="*", default=[*NETWORKS, CNV_2W2A])
    parser.add_argument("--whole", nargs="*", type=float, default=[], help="levels, stitched too")
    parser.add_argument("--run", nargs="*", type=Path, default=[], help="finished sweeps")
    parser.add_argument("--jobs", type=int)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    board = load_board(given.board)
    result: dict[str, Any] = {"board": board.name, "kinds": kinds(board)}
    networks: dict[str, Any] = {}
    every: list[Part] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, level in itertools.product(given.networks, LEVELS):
            built = design(name, level, board, Path(temporary) / f"{name}-{level}")
            limits, whole = Limits(jobs=given.jobs), level in given.whole
            report = synthesize(built, board, whole=whole, limits=limits)
            found = list(parts(built, report, board))
            row = networks.setdefault(name, {})[str(level)] = compared(found)
            if whole:
                row["whole"] = synthesis.compared(report)
            every += found
            print(name, level, json.dumps(row), file=sys.stderr)
    for run in given.run:
        for level in sorted(run.glob("level-*")):
            report = SynthesisReport.load(level / "synthesize")
            found = list(parts(level / "rtl", report, board))
            networks.setdefault(run.name, {})[level.name.removeprefix("level-")] = compared(found)
            every += found
    result["networks"] = networks
    if every:
        result["all_networks"] = compared(every)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
