"""What `--align auto` gains against plain counts of channels.

Prints one JSON document: for each level, the channels that the level leaves and those chosen, and
how both fold, by the calibrated costs and the timing model. ``--confirm`` also synthesizes both,
part by part, and runs them in RTL with the FIFOs that simulation finds. Networks are untrained.

    python benchmarks/widths.py [--network cnv --shape 1 28 28 --levels 0.25 0.35] [--confirm]
"""

import argparse
import json
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hwsubnet.artifacts import NetworkSpec, Precision
from hwsubnet.boards import load_board
from hwsubnet.estimate import estimate
from hwsubnet.export import export
from hwsubnet.flow.simulating import size_accelerator
from hwsubnet.flow.widths import Folded, Goal, Widths, choose_widths
from hwsubnet.lower import lower
from hwsubnet.simulate.rtlsim import simulate
from hwsubnet.synth import Limits, synthesize
from hwsubnet.tools import cache_folder

FRAMES = 6
SEED = 0


def confirmed(folded: Folded, widths: Widths) -> dict[str, Any]:
    """Return what synthesis counts and what the RTL takes, with FIFOs as simulation finds them."""
    goal, cache = folded.goal, cache_folder("simulations")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        export(folded.narrow(widths), torch.zeros(1, *folded.shape, dtype=torch.uint8), folder)
        lowered = lower(folder / "model.onnx", folder, goal.board)
        found = estimate(
            lowered, folder, goal.board, folder, fps=goal.fps, clock_mhz=goal.clock_mhz
        )
        path, rtl = folder / found.folded.path, folder / "rtl"
        target = size_accelerator(path, goal.board, goal.clock_mhz, rtl, cache)
        (stream,) = target.graph.inputs
        low, high = stream.datatype.min, stream.datatype.max
        rng = np.random.default_rng(SEED)
        frames = rng.integers(low, high, (FRAMES, *stream.shape), endpoint=True)
        cycles = simulate(target, {stream.tensor: frames}, cache=cache).cycles_per_frame
        report = synthesize(rtl, goal.board, whole=False, limits=Limits(jobs=1))
    return {
        "simulated_cycles_per_frame": cycles,
        "synthesized": report.cells.resources.model_dump(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="cnv")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--shape", type=int, nargs=3, default=[1, 28, 28])
    parser.add_argument("--levels", type=float, nargs="+", default=[0.15, 0.25, 0.35, 0.4])
    parser.add_argument("--board", default="Pynq-Z2")
    parser.add_argument("--fps", type=float)
    parser.add_argument("--confirm", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    board = load_board(arguments.board)
    spec = NetworkSpec(
        name=arguments.network,
        input_shape=tuple(arguments.shape),
        classes=10,
        width=arguments.width,
        precision=Precision(weight_bits=4, activation_bits=4),
    )
    goal = Goal(board, board.clock_mhz, arguments.fps)
    rows = []
    for level in arguments.levels:
        start = time.process_time()
        found = choose_widths(spec, level, SEED, board, clock_mhz=goal.clock_mhz, fps=arguments.fps)
        row: dict[str, Any] = {
            "level": level,
            "cpu_s": time.process_time() - start,
            **found.model_dump(mode="json"),
        }
        if found.plain and found.chosen:
            row["speedup"] = found.plain.cycles_per_frame / found.chosen.cycles_per_frame
        if arguments.confirm:
            folded = Folded(spec, level, SEED, goal)
            row["confirmed"] = {
                "plain": confirmed(folded, folded.plain),
                "chosen": confirmed(folded, tuple(found.counts.values())),
            }
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    print(json.dumps({"network": arguments.network, "board": board.name, "levels": rows}, indent=2))


if __name__ == "__main__":
    main()
