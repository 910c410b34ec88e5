"""One accelerator at every level: the same integers, from the streamlined graph to the RTL."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from support.accelerators import Accelerator
from support.own_networks import SPECS, exported_own
from support.quantized_networks import exported

from hwsubnet.boards import load_board
from hwsubnet.emit.cpp import emit_cpp
from hwsubnet.flow.simulating import size_accelerator
from hwsubnet.kernels import IntArray
from hwsubnet.simulate.cppsim import compile_cpp
from hwsubnet.simulate.golden import simulate_golden
from hwsubnet.simulate.rtlsim import RtlRun, Target, Traffic, simulate


class Case(NamedTuple):
    """How a network is folded, and how many frames it is given."""

    title: str
    cycles: int | None
    """At most so many per frame; ``None``: as few as fit the board."""
    frames: int


CASES = {
    **{
        name: Case(f"bnn_pynq {name.upper()}", 200_000 if name.startswith("cnv") else 5_000, frames)
        for name, frames in (
            ("tfc-1w1a", 12), ("tfc-1w2a", 12), ("tfc-2w2a", 12),
            ("cnv-1w1a", 4), ("cnv-1w2a", 4), ("cnv-2w2a", 4),
        )
    },
    "resnet8": Case("ResNet-8", 100_000, 6),
    "fashion-cnv-25": Case("fashion-cnv, 25 % of its channels removed", None, 8),
    "resnet": Case("small ResNet", 5_000, 12),
    "depthwise": Case("depthwise-separable net", 5_000, 12),
    "unet": Case("U-shaped net", 5_000, 12),
    "decoder": Case("decoder of transposed convolutions", 5_000, 12),
}  # fmt: skip
"""Networks that are taken through all levels, by name."""


def case_accelerator(name: str, board: str, folder: Path) -> Accelerator:
    """Export, lower and fold one of `CASES`."""
    case = CASES[name]
    fps = None if case.cycles is None else load_board(board).clock_mhz * 1e6 / case.cycles
    model = exported_own(name) if name in SPECS else exported(name)
    return Accelerator.of(model, folder, board, fps=fps)


HINDERED = Traffic(pause_in=40, pause_out=60, seed=5)
NODE_TRAFFIC = Traffic(pause_out=30)


@dataclass(frozen=True, eq=False)
class Levels:
    """What the levels gave for one batch.

    Parameters
    ----------
    differing
        By level: frames of which some integer differs from the streamlined graph's; for the nodes
        by themselves, from what the golden model says that node gives, summed over nodes.
    run
        The stitched RTL without pauses.
    target
        The RTL, its FIFOs as deep as simulation says.
    """

    differing: dict[str, int]
    run: RtlRun
    target: Target


def compare_levels(
    accelerator: Accelerator, frames: int, cache: Path, *, nodes: bool = True
) -> Levels:
    """Run `frames` random frames through every level; `nodes`: also through each node alone."""
    inputs, output = accelerator.frames(frames), accelerator.output
    expected = accelerator.streamlined(inputs)

    def differing(found: IntArray) -> int:
        return _differing(found, expected)

    counts = {"golden": differing(simulate_golden(accelerator.graph, inputs)[output])}
    tops = {"accelerator": accelerator.graph}
    cpp = compile_cpp(emit_cpp(tops), tops, cache, optimize=False)
    counts["cppsim"] = differing(cpp.run(inputs, accelerator.folder / "cppsim")[output])
    board = accelerator.board
    target = size_accelerator(
        accelerator.folded, board, board.clock_mhz, accelerator.folder / "rtl", cache
    )
    run = simulate(target, inputs, cache=cache)
    counts["rtlsim"] = differing(run.outputs[output])
    hindered = simulate(target, inputs, cache=cache, traffic=HINDERED)
    counts["rtlsim, pauses"] = differing(hindered.outputs[output])
    if nodes:
        counts["rtlsim, nodes"] = _nodes_differing(target, inputs, frames, cache)
    return Levels(counts, run, target)


def _nodes_differing(target: Target, inputs: dict[str, IntArray], frames: int, cache: Path) -> int:
    """Feed each node by itself with what the golden model says it gets."""
    tensors, wrong = target.graph.run(inputs), 0
    for kernel in target.graph.kernels:
        alone = Target.node(target.design, target.folder, kernel.name)
        given = {s.tensor: tensors[s.tensor].reshape(frames, *s.shape) for s in kernel.inputs}
        run = simulate(alone, given, cache=cache, traffic=NODE_TRAFFIC)
        wrong += sum(_differing(run.outputs[s.tensor], tensors[s.tensor]) for s in kernel.outputs)
    return wrong


def _differing(found: IntArray, expected: IntArray) -> int:
    different = found.reshape(len(found), -1) != expected.reshape(len(expected), -1)
    return int(np.count_nonzero(different.any(axis=1)))
