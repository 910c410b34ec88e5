"""Synthesize random nodes and streams, and fit the calibrated estimator to them.

Each round draws a batch of nodes of every kind and some streams, for one family of parts, emits
their RTL as a sweep would, and has Yosys count what each takes. Results stay in the synthesis
cache, so that an interrupted run goes on where it was; ``--minutes 0`` takes what is there. With
``--only`` the shipped samples of all other operators stay as they are, with ``--keep`` all of them.
Samples and coefficients are written into the package, ``hwsubnet/estimate/calibration``.

    python benchmarks/calibrate.py [--rounds 4] [--seed 1] [--minutes 60] [--only OP ...] [--keep]
"""

import argparse
import itertools
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from calibration_nodes import KINDS, SHARES, Sampler, edges

from hwsubnet import tools
from hwsubnet.artifacts import digest, write_text
from hwsubnet.boards import Board, load_board
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.errors import ToolError
from hwsubnet.estimate.calibration.fitting import SAMPLES, Sample, fit, shipped
from hwsubnet.estimate.calibration.model import COEFFICIENTS
from hwsubnet.synth.cache import Cache
from hwsubnet.synth.crew import Crew, Limits
from hwsubnet.synth.jobs import EDGE, Job, Sources
from hwsubnet.synth.primitives import count

BOARDS = ("Pynq-Z2", "KV260")
"""One of each family."""
STREAMS = 24
"""In each round."""


@dataclass(frozen=True)
class Drawn:
    """What is to be synthesized, and what describes it."""

    job: Job
    op: str
    attributes: dict[str, Any]


def batch(board: Board, seed: int, folder: Path) -> Iterator[Drawn]:
    """Yield the nodes and streams of one round, kinds interleaved."""
    random = np.random.default_rng(seed)
    sampler = Sampler(random, narrow=board.family == "xc7")
    most = max(SHARES.values())
    turns = ((turn * most / SHARES[kind], kind) for kind in KINDS for turn in range(SHARES[kind]))
    for _, kind in sorted(turns):
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
    every = max(1, len(sampler.nodes) // STREAMS)
    for index, node in enumerate(sampler.nodes):
        yield Drawn(sources.node(node.name, node.op_type), node.op_type, attributes(node))
        if index % every == 0 and (stream := next(streams, None)):
            yield Drawn(sources.edge(EDGE, parameters(stream)), EDGE, stream)


def parameters(stream: dict[str, int]) -> dict[str, str]:
    """Return a stream's parameters as SystemVerilog has them."""
    return {
        "IWIDTH": str(stream["in_bits"]),
        "OWIDTH": str(stream["out_bits"]),
        "DEPTH": str(stream["depth"]),
        "RAM_STYLE": '"auto"',
    }


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


def synthesized(
    board: Board, seed: int, jobs: int, end: float, only: Sequence[str]
) -> Iterator[Sample]:
    """Yield the samples of one round: after the time is up, those that the cache holds."""
    crew = Crew(
        Cache(tools.cache_folder("syntheses")),
        board.family,
        board.resources.URAM > 0,
        str(tools.require("yosys").version),
        Limits(jobs=jobs, timeout=600),
    )
    with tempfile.TemporaryDirectory() as temporary:
        drawn = (
            each for each in batch(board, seed, Path(temporary)) if not only or each.op in only
        )
        while several := list(itertools.islice(drawn, jobs)):
            if time.monotonic() < end:
                try:
                    crew.run([each.job for each in several])
                except ToolError as error:  # of one of them; the others are in the cache
                    print(error, file=sys.stderr)
            for each in several:
                result = crew.known(each.job)
                if result is not None:
                    cells = count(result.cells).model_dump()
                    yield Sample(each.op, board.family, each.attributes, cells)


def main() -> None:
    """Draw, synthesize, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", nargs="*", default=[], help="operators to make samples of")
    parser.add_argument("--keep", action="store_true", help="add to the shipped samples")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    end = time.monotonic() + 60 * given.minutes
    samples: dict[str, Sample] = {}
    if given.only or given.keep:
        samples = {
            digest(row.op, row.family, row.attributes): row
            for row in shipped()
            if given.keep or row.op not in given.only
        }
    for number in range(given.rounds):
        board = load_board(BOARDS[number % len(BOARDS)])
        for sample in synthesized(board, 1000 * given.seed + number, given.jobs, end, given.only):
            samples[digest(sample.op, sample.family, sample.attributes)] = sample
    rows = list(samples.values())
    made = {
        "yosys": str(tools.require("yosys").version),
        "finn-plus": version("finn-plus"),
        "seed": given.seed,
    }
    lines = ",\n".join(json.dumps(row._asdict()) for row in rows)
    write_text(SAMPLES, f'{{"made": {json.dumps(made)}, "samples": [\n{lines}\n]}}\n')
    fitted = {"made": made, **fit(rows)}
    write_text(COEFFICIENTS, json.dumps(fitted, indent=1) + "\n")
    print(json.dumps(fitted["errors"], indent=2))


if __name__ == "__main__":
    main()
