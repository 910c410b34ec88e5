"""How long synthesis takes, cold, for a second level and again; and its parts against the whole.

Prints one JSON document. The networks are Brevitas's bnn_pynq example with random weights; the
second level has half of every hidden width. FIFOs have their default depth. Times are wall-clock
seconds of `synthesize` with an empty cache that the three runs share; `cpu_s` is what Yosys used,
which other programs on the machine hardly change.

    python benchmarks/synthesis.py [--board Pynq-Z2] [--fps 500] [--jobs N]
"""

import argparse
import configparser
import json
import logging
import resource
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from brevitas.export import export_qonnx
from brevitas_examples.bnn_pynq.models import CNV as bnn
from torch import nn

from hwsubnet.artifacts import Resources, SynthesisReport
from hwsubnet.boards import Board, load_board
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.estimate import estimate
from hwsubnet.lower import lower
from hwsubnet.synth import Limits, synthesize

LEVELS = {"dense": 1.0, "half": 0.5}


def network(width: float) -> nn.Module:
    """Build CNV-2W2A with a share of its hidden widths, and statistics for its norms."""
    full = bnn.CNV_OUT_CH_POOL, bnn.INTERMEDIATE_FC_FEATURES, bnn.LAST_FC_IN_FEATURES
    config = configparser.ConfigParser()
    config["QUANT"] = {"WEIGHT_BIT_WIDTH": "2", "ACT_BIT_WIDTH": "2", "IN_BIT_WIDTH": "8"}
    config["MODEL"] = {"NUM_CLASSES": "10", "IN_CHANNELS": "3"}
    try:
        bnn.CNV_OUT_CH_POOL = [(int(width * n), pool) for n, pool in full[0]]
        bnn.INTERMEDIATE_FC_FEATURES = [(int(width * a), int(width * b)) for a, b in full[1]]
        bnn.LAST_FC_IN_FEATURES = int(width * full[2])
        torch.manual_seed(0)
        model = bnn.cnv(config)
    finally:
        bnn.CNV_OUT_CH_POOL, bnn.INTERMEDIATE_FC_FEATURES, bnn.LAST_FC_IN_FEATURES = full
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(16, 3, 32, 32))
    return model.eval()


def design(width: float, board: Board, fps: float, folder: Path) -> Path:
    """Export, lower, fold and emit; return the build folder."""
    folder.mkdir()
    path = folder / "model.onnx"
    export_qonnx(network(width), torch.rand(1, 3, 32, 32), str(path), dynamo=False)
    lowered = lower(path, folder, board)
    folded = folder / estimate(lowered, folder, board, folder, fps=fps).folded.path
    out = folder / "rtl"
    emit_rtl(
        folded,
        out,
        part=board.part,
        clock_mhz=board.clock_mhz,
        has_ultraram=bool(board.resources.URAM),
    )
    return out


def measured(folder: Path, board: Board, cache: Path, jobs: int | None) -> dict[str, Any]:
    """Synthesize and say what it took and gave."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    report = synthesize(folder, board, cache=cache, limits=Limits(jobs=jobs))
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"s": seconds, "cpu_s": used, **compared(report)}


def compared(report: SynthesisReport) -> dict[str, Any]:
    """Put the sum of the parts beside the whole."""
    assert report.whole is not None
    whole, parts = report.whole.cells.resources, report.parts.resources
    differences = {}
    for name in Resources.model_fields:
        together, apart = getattr(whole, name), getattr(parts, name)
        differences[name] = apart / together - 1 if together else apart
    return {
        "parts": len(report.nodes) + len(report.edges),
        "whole": whole.model_dump(),
        "sum_over_whole_minus_1": differences,
        "path": report.whole.path.model_dump(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", default="Pynq-Z2")
    parser.add_argument("--fps", type=float, default=500)
    parser.add_argument("--jobs", type=int)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    board = load_board(arguments.board)
    result: dict[str, Any] = {"board": board.name, "fps": arguments.fps}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, width in LEVELS.items():
            built = design(width, board, arguments.fps, folder / name)
            result[name] = measured(built, board, folder / "cache", arguments.jobs)
        repeat = measured(folder / "dense" / "rtl", board, folder / "cache", arguments.jobs)
        result["repeat_s"] = repeat["s"]
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
