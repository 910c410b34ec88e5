"""Cycle-accurate simulation of the RTL: frames in, frames and their timing out."""

import itertools
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hwsubnet.artifacts import Record, RtlDesign, Stalls, replacing, scratch_folder
from hwsubnet.errors import Mismatch, ModelError
from hwsubnet.kernels import IntArray, KernelGraph, read_graph
from hwsubnet.progress import progress
from hwsubnet.simulate.deadlock import EdgeState, explain
from hwsubnet.simulate.inputs import check_inputs
from hwsubnet.simulate.running import run_simulation
from hwsubnet.simulate.verilate import Variant, build, waveform_format
from hwsubnet.simulate.words import pack, unpack

_POLL_SECONDS = 0.5
_CHUNK = 256  # frames packed at a time, to bound memory


class Traffic(Record):
    """How the outside world behaves.

    Parameters
    ----------
    pause_in, pause_out
        Percent of cycles in which the source has no word, or the receiver takes none.
    pace
        Cycles over which the words of an input frame are spread evenly; 0: as fast as possible.
    seed
        Of the pauses.
    """

    pause_in: int = Field(0, ge=0, le=95)
    pause_out: int = Field(0, ge=0, le=95)
    pace: int = Field(0, ge=0)
    seed: int = Field(0, ge=0, lt=2**31)


@dataclass(frozen=True)
class EdgeActivity:
    """What the monitor of one stream counted, over all frames."""

    tensor: str
    source: str | None
    sink: str | None
    words: int
    """Words that left."""
    blocked: int
    """Cycles in which its writer could not hand over a word."""
    starved: int
    """Cycles in which its reader was ready and had no word."""
    fullest: int
    """Most words that its FIFO held at once."""


@dataclass(frozen=True, eq=False)
class RtlRun:
    """Outputs and timing of a batch.

    Parameters
    ----------
    outputs
        By tensor name; shape (N, *stream.shape).
    timing
        One array per shard, shape (frames, 4): the cycles of a frame's first and last word in, and
        of its first and last word out.
    cycles
        Simulated cycles, all shards together.
    edges
        Activity by stream, if the variant had monitors.
    """

    outputs: dict[str, IntArray]
    timing: tuple[NDArray[np.uint64], ...]
    cycles: int
    edges: tuple[EdgeActivity, ...]

    @property
    def cycles_per_frame(self) -> float | None:
        """Steady-state period: mean distance of frame ends over the later half of the batch."""
        ends = self.timing[0][:, 3].astype(np.int64)
        if len(ends) < 2:
            return None
        later = ends[(len(ends) - 1) // 2 :]
        return float(later[-1] - later[0]) / (len(later) - 1)

    @property
    def latency(self) -> int:
        """Cycles from the first word in to the last word out, of the first frame."""
        first_in, _, _, last_out = self.timing[0][0].astype(np.int64)
        return int(last_out - first_in) + 1

    @property
    def stalls(self) -> dict[str, Stalls]:
        """By node: of the streams that it writes, or reads, the one that held it up longest."""
        blocked: dict[str, int] = {}
        starved: dict[str, int] = {}
        for edge in self.edges:
            for counts, node, cycles in (
                (blocked, edge.source, edge.blocked),
                (starved, edge.sink, edge.starved),
            ):
                if node is not None:
                    counts[node] = max(cycles, counts.get(node, 0))
        return {node: Stalls(blocked=blocked[node], starved=starved[node]) for node in blocked}


@dataclass(frozen=True, eq=False)
class Target:
    """What is simulated: the whole accelerator, or one of its nodes."""

    design: RtlDesign
    folder: Path
    top: str
    graph: KernelGraph

    @property
    def whole(self) -> bool:
        """Whether this is the accelerator, with its edges and their monitors."""
        return self.top == self.design.top

    @property
    def ahead(self) -> int:
        """Words that may come after the last frame, as they need no input: a node's padding."""
        if self.whole:
            return 0
        schedules = [kernel.schedule() for kernel in self.graph.kernels]
        return sum(
            int((steps < min(taken[0] for taken in schedule.inputs)).sum())
            for schedule in schedules
            for steps in schedule.outputs
        )

    @property
    def patience(self) -> int:
        """Cycles after which no progress means a deadlock: every kernel done twice over."""
        return 2000 + 2 * sum(kernel.cycles for kernel in self.graph.kernels)

    @classmethod
    def accelerator(cls, design: RtlDesign, folder: Path) -> "Target":
        """Return the whole accelerator."""
        return cls(design, folder, design.top, read_graph(folder / design.graph.path))

    @classmethod
    def node(cls, design: RtlDesign, folder: Path, name: str) -> "Target":
        """Return the node called `name` alone."""
        graph = read_graph(folder / design.graph.path)
        kernel = next((k for k in graph.kernels if k.name == name), None)
        if kernel is None:
            raise ModelError(
                f"there is no node {name!r}",
                where=design.graph.path,
                fix=f"its nodes are {', '.join(k.name for k in graph.kernels)}",
            )
        return cls(design, folder, design.modules[name], KernelGraph.of((kernel,)))


def simulate(
    target: Target,
    inputs: Mapping[str, IntArray],
    *,
    cache: Path,
    variant: Variant | None = None,
    traffic: Traffic | None = None,
    jobs: int = 1,
    waveform: Path | None = None,
) -> RtlRun:
    """Stream a batch through the RTL.

    Parameters
    ----------
    target
        The accelerator, or one node.
    inputs
        By tensor name; shape (N, *stream.shape), values (not codes).
    cache
        Folder of built simulations.
    variant
        How to build it.
    traffic
        Pauses of source and receiver; none if not given.
    jobs
        Processes among which the frames are divided. Each starts with an empty pipeline.
    waveform
        File that receives the signals, ``*.fst`` or ``*.vcd``; one process.

    Raises
    ------
    ModelError
        If an input does not fit its stream; told before anything is built.
    Deadlock
        Which nodes wait on which.
    Mismatch
        If the RTL gives more words than there should be.
    ToolError
        If a tool is missing or fails.
    """
    frames = check_inputs(target.graph, inputs)
    variant = variant or Variant()
    if waveform is not None:
        variant = variant.model_copy(update={"waveform": waveform_format(waveform, cache)})
    traffic = traffic or Traffic()
    jobs = 1 if waveform is not None else min(jobs, frames)
    executable = build(
        target.design,
        target.folder,
        target.top,
        target.graph,
        cache,
        variant,
    )
    bounds = np.linspace(0, frames, jobs + 1).astype(int)
    with scratch_folder(cache.resolve()) as scratch:
        shards = [
            _Shard(target, executable, scratch / str(index), inputs, start, stop)
            for index, (start, stop) in enumerate(itertools.pairwise(bounds))
        ]
        _run_all(shards, traffic, waveform)
        return _join(target, variant, [shard.result() for shard in shards])


@dataclass(frozen=True, eq=False)
class _Shard:
    """One process's share of the frames."""

    target: Target
    executable: Path
    folder: Path
    inputs: Mapping[str, IntArray]
    start: int
    stop: int

    def run(self, traffic: Traffic, waveform: Path | None) -> None:
        self.folder.mkdir()
        for index, stream in enumerate(self.target.graph.inputs):
            values = self.inputs[stream.tensor]
            with (self.folder / f"in{index}").open("wb") as handle:
                for start in range(self.start, self.stop, _CHUNK):
                    chunk = values[start : min(start + _CHUNK, self.stop)]
                    handle.write(pack(chunk, stream).tobytes())
        busy = 100 - max(traffic.pause_in, traffic.pause_out)
        arguments: dict[str, object] = {
            "frames": self.stop - self.start,
            "seed": traffic.seed,
            "pause_in": traffic.pause_in,
            "pause_out": traffic.pause_out,
            "pace": traffic.pace,
            "patience": 2 * traffic.pace + 100 * self.target.patience // busy,
            "fill": 0,
            "timing": self.folder / "timing",
            **{f"in{i}": self.folder / f"in{i}" for i in range(len(self.target.graph.inputs))},
            **{f"out{i}": self.folder / f"out{i}" for i in range(len(self.target.graph.outputs))},
        }
        with nullcontext() if waveform is None else replacing(waveform.resolve()) as signals:
            if signals is not None:
                arguments["waveform"] = signals
            run_simulation(
                [self.executable, *(f"{key}={value}" for key, value in arguments.items())],
                log=self.folder / "log",
                kept=self.executable.parent.with_suffix(".run.log"),
                cwd=self.target.folder,
            )

    def done(self) -> int:
        """Frames whose results are on disk, for the progress bar."""
        stream, path = self.target.graph.outputs[0], self.folder / "out0"
        size = path.stat().st_size if path.exists() else 0
        return size // (stream.words * stream.axi_width // 8)

    def result(self) -> "_Result":
        report = json.loads((self.folder / "log").read_text().splitlines()[-1])
        if report["deadlock"]:
            raise explain(self.target.design.edges, [EdgeState(**e) for e in report["edges"]])
        if report["surplus"] > self.target.ahead:
            raise Mismatch(
                f"{self.target.top} gave {report['surplus']} words more than its frames have"
            )
        outputs = {}
        for index, stream in enumerate(self.target.graph.outputs):
            octets = np.fromfile(self.folder / f"out{index}", dtype=np.uint8)
            outputs[stream.tensor] = unpack(octets.reshape(-1, stream.axi_width // 8), stream)
        timing = np.fromfile(self.folder / "timing", dtype="<u8").reshape(-1, 4)
        return _Result(outputs, timing, int(report["cycles"]), report["edges"])


@dataclass(frozen=True, eq=False)
class _Result:
    outputs: dict[str, IntArray]
    timing: NDArray[np.uint64]
    cycles: int
    edges: list[dict[str, Any]]


def _run_all(shards: Sequence[_Shard], traffic: Traffic, waveform: Path | None) -> None:
    total = sum(shard.stop - shard.start for shard in shards)
    with ThreadPoolExecutor(len(shards)) as pool, progress() as display:
        task = display.add_task("simulating frames", total=total)
        runs = [pool.submit(shard.run, traffic, waveform) for shard in shards]
        waiting: set[Future[None]] = set(runs)
        while waiting:
            _, waiting = wait(waiting, _POLL_SECONDS)
            display.update(task, completed=sum(shard.done() for shard in shards))
        display.remove_task(task)
        for run in runs:
            run.result()


def _join(target: Target, variant: Variant, results: Sequence[_Result]) -> RtlRun:
    edges: list[EdgeActivity] = []
    if variant.monitor and target.whole:
        counted = [{entry["id"]: entry for entry in result.edges} for result in results]
        for number, edge in enumerate(target.design.edges):
            rows = [entries[number] for entries in counted]
            edges.append(
                EdgeActivity(
                    edge.tensor,
                    edge.source,
                    edge.sink,
                    words=sum(row["words"] for row in rows),
                    blocked=sum(row["blocked"] for row in rows),
                    starved=sum(row["starved"] for row in rows),
                    fullest=max(row["fullest"] for row in rows),
                )
            )
    return RtlRun(
        outputs={
            tensor: np.concatenate([result.outputs[tensor] for result in results])
            for tensor in results[0].outputs
        },
        timing=tuple(result.timing for result in results),
        cycles=sum(result.cycles for result in results),
        edges=tuple(edges),
    )
