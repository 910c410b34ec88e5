"""Whole networks at every level of the pipeline: the same integers, and the model's cycles.

Usage: ``python benchmarks/pipeline.py [--networks NAME ...] [--boards NAME ...] [--nodes]``; JSON
on stdout. ``--table FILE.json ...`` prints the Markdown table of docs/results.md instead, from
what earlier runs printed.

Each network has random weights, and is folded as cheaply as its bound of cycles per frame allows,
or as fast as fits. Random frames go through the streamlined graph, the golden model, the C++, the
stitched RTL (its FIFOs as sizing found them; without pauses, and with 40 % gaps and 60 %
back-pressure) and, with ``--nodes``, through every node's RTL by itself: the frames that differ are
counted. Beside what the clock of the RTL says stands what :mod:`hwsubnet.kernels.timing` says.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.levels import CASES, case_accelerator, compare_levels

from hwsubnet import tools
from hwsubnet.kernels import pipeline
from hwsubnet.progress import track


def measure(name: str, board: str, folder: Path, cache: Path, *, nodes: bool) -> dict[str, Any]:
    """Take one network through all levels for one board."""
    case, start = CASES[name], time.perf_counter()
    accelerator = case_accelerator(name, board, folder)
    levels = compare_levels(accelerator, case.frames, cache, nodes=nodes)
    begun = time.process_time()
    timing = pipeline(levels.target.graph)
    reckoned = time.process_time() - begun
    return {
        "network": name,
        "title": case.title,
        "board": board,
        "nodes": len(levels.target.graph.kernels),
        "left_on_the_host": len(accelerator.lowered.coverage.left),
        "frames": case.frames,
        "differing": levels.differing,
        "cycles_per_frame": {
            "rtl": levels.run.cycles_per_frame,
            "model": timing.cycles_per_frame,
        },
        "latency_cycles": {"rtl": levels.run.latency, "model": timing.latency_cycles},
        "seconds": time.perf_counter() - start,
        "model_processor_seconds": reckoned,
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Return the table of docs/results.md, networks in the order of `CASES`."""
    order = list(CASES)
    rows = [
        "| network | board | cycles, RTL | model | latency, RTL | model | levels | differing |",
        "|---|---|--:|--:|--:|--:|---|--:|",
    ]
    for run in sorted(runs, key=lambda run: (order.index(run["network"]), run["board"])):
        numbers = [
            run[what][source]
            for what in ("cycles_per_frame", "latency_cycles")
            for source in ("rtl", "model")
        ]
        cells = [run["title"], run["board"], *(f"{number:,.0f}" for number in numbers)]
        cells += [
            "all" if "rtlsim, nodes" in run["differing"] else "all but nodes",
            str(sum(run["differing"].values())),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print, or print the table of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--boards", nargs="+", default=["Pynq-Z2", "ZCU104"])
    parser.add_argument("--nodes", action="store_true", help="also each node by itself")
    parser.add_argument("--table", nargs="+", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    if arguments.table:
        texts = (path.read_text(encoding="utf-8") for path in arguments.table)
        print(table([run for text in texts for run in json.loads(text)["runs"]]))
        return
    runs = []
    pairs = [(name, board) for name in arguments.networks for board in arguments.boards]
    with TemporaryDirectory(prefix="hwsubnet-") as scratch:
        for name, board in track(pairs, "networks"):
            folder = Path(scratch) / f"{name}-{board}"
            cache = Path(scratch) / "cache"
            runs.append(measure(name, board, folder, cache, nodes=arguments.nodes))
    versions = {name: tools.require(name).version for name in ("verilator", "g++")}
    machine = {"processor": platform.machine(), "cores": os.cpu_count()}
    print(json.dumps({"machine": machine, "tools": versions, "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
