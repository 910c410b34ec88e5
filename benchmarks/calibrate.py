"""Synthesize random nodes and streams: the samples that the calibrated estimator is fitted to.

Each round draws a batch of nodes of every kind and some streams, for one family of parts, emits
their RTL as a sweep would, and has Yosys count what each takes. Results stay in the synthesis
cache, so that an interrupted run goes on where it was. Rows go to a file of JSON lines.

    python benchmarks/calibrate.py SAMPLES.jsonl [--rounds 8] [--seed 0] [--jobs 1] [--minutes 60]
"""

import argparse
import itertools
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from calibration_nodes import KINDS, SHARES, Sampler, edges

from hwsubnet import tools
from hwsubnet.artifacts import SynthesizedCells
from hwsubnet.boards import Board, load_board
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.errors import ToolError
from hwsubnet.synth.cache import Cache
from hwsubnet.synth.crew import Crew, Limits
from hwsubnet.synth.jobs import EDGE, Job, Sources
from hwsubnet.synth.primitives import count

BOARDS = ("Pynq-Z2", "KV260")
"""One of each family."""
STREAMS = 24
"""In each round."""


def batch(board: Board, seed: int, folder: Path) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield the jobs of one round, kinds interleaved, and what describes them."""
    random = np.random.default_rng(seed)
    sampler = Sampler(random, narrow=board.family == "xc7")
    waiting = [list(itertools.repeat(kind, SHARES[kind])) for kind in KINDS]
    longest = max(map(len, waiting))
    order = sorted(
        ((index * longest / len(kinds), kind) for kinds in waiting for index, kind in
         enumerate(kinds)),
    )  # fmt: skip
    for _, kind in order:
        sampler.add(kind)
    path = folder / "samples.onnx"
    onnx.save(sampler.model(), path)
    design = emit_rtl(
        path,
        folder / "rtl",
        part=board.part,
        clock_mhz=board.clock_mhz,
        depths=dict.fromkeys(sampler.tensors, 0),
        has_ultraram=bool(board.resources.URAM),
    )
    sources = Sources(design, folder / "rtl")
    streams = itertools.islice(edges(random), STREAMS)
    texts, memories = sources._closure(EDGE)
    every = max(1, len(sampler.nodes) // STREAMS)
    for index, node in enumerate(sampler.nodes):
        job = sources.node(node.name, node.op_type)
        yield job, {"op": node.op_type, "attributes": attributes(node)}
        if index % every == 0 and (stream := next(streams, None)):
            parameters = {
                "IWIDTH": str(stream["in_bits"]),
                "OWIDTH": str(stream["out_bits"]),
                "DEPTH": str(stream["depth"]),
                "RAM_STYLE": '"auto"',
            }
            yield (
                Job(EDGE, EDGE, EDGE, texts, memories, parameters),
                {"op": EDGE, "attributes": stream},
            )


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes as JSON has them."""
    found = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, list):
            value = [v.decode() if isinstance(v, bytes) else v for v in value]
        found[attribute.name] = value
    found.pop("backend")
    return found


def main() -> None:
    """Draw, synthesize, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    yosys = str(tools.require("yosys").version)
    end = time.monotonic() + 60 * arguments.minutes
    with arguments.samples.open("a", encoding="utf-8") as out:
        for number in range(arguments.rounds):
            board = load_board(BOARDS[number % len(BOARDS)])
            crew = Crew(
                Cache(tools.cache_folder("syntheses")), board.family,
                board.resources.URAM > 0, yosys, Limits(jobs=arguments.jobs, timeout=600),
            )  # fmt: skip
            with tempfile.TemporaryDirectory() as temporary:
                seed = 1000 * arguments.seed + number
                for job, described in batch(board, seed, Path(temporary)):
                    if time.monotonic() > end:
                        return
                    try:
                        cells = count(crew.run([job])[job.content].cells)
                    except ToolError as error:
                        print(json.dumps({"failed": str(error), **described}), file=sys.stderr)
                        continue
                    out.write(json.dumps(row(board, seed, described, cells)) + "\n")
                    out.flush()


def row(
    board: Board, seed: int, described: dict[str, Any], cells: SynthesizedCells
) -> dict[str, Any]:
    """Return one line of the samples."""
    return {"family": board.family, "seed": seed, **described, "cells": cells.model_dump()}


if __name__ == "__main__":
    main()
