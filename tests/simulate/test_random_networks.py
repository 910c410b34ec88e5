"""Random networks: streamlined graph = golden model = C++ = stitched RTL, folded at random.

Some networks share one C++ program and one verilated design, in which they do not know of one
another: building is what takes the time. A network is drawn from its number, which is named when it
fails: ``drawn(number)`` gives it again.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from support.accelerators import Accelerator, side_by_side
from support.random_networks import RandomNetwork, drawn, networks

from hwsubnet.emit.cpp import emit_cpp
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.simulate.cppsim import compile_cpp
from hwsubnet.simulate.fifo_sizing import size_fifos
from hwsubnet.simulate.golden import simulate_golden
from hwsubnet.simulate.rtlsim import Target, Traffic, simulate
from hwsubnet.simulate.verilate import Variant

FIRST = 20260  # the number of the first network
QUICK, QUICK_RTL = 25, 5
BATCH, BATCHES = 25, 12
FRAMES = 4
TRAFFIC = (
    Traffic(),
    Traffic(pause_in=40, pause_out=60, seed=1),
    Traffic(pause_in=80, pause_out=10, seed=2),
)
BOARDS = ("Pynq-Z2", "ZCU104")  # of two families
BRIEF = Variant(optimize=False)  # some thousand cycles take less time than optimizing them


def lowered(network: RandomNetwork, folder: Path, board: str = BOARDS[0]) -> Accelerator:
    """Lower and fold a network, all of it; the golden model is the streamlined graph."""
    model = network.save(folder / "model.onnx")
    found = Accelerator.of(model, folder / "accelerator", board, folding_seed=network.folding_seed)
    assert not found.lowered.coverage.left, network
    inputs = found.frames(FRAMES)
    golden = simulate_golden(found.graph, inputs)[found.output]
    assert np.array_equal(golden.reshape(FRAMES, -1), found.streamlined(inputs)), network
    return found


class Batch:
    """Networks that are built together; all names begin with ``n<number>_``."""

    def __init__(self, numbers: range, folder: Path, board: str) -> None:
        self.networks = {f"n{number}": drawn(number) for number in numbers}
        self.accelerators = {
            name: lowered(network, folder / name, board) for name, network in self.networks.items()
        }
        self.folder = folder
        self.board = next(iter(self.accelerators.values())).board

    def wrong(self, outputs: Mapping[str, np.ndarray]) -> list[RandomNetwork]:
        """Return the networks whose outputs are not the golden model's; arrays by their names."""
        found = []
        for name, accelerator in self.accelerators.items():
            inputs = accelerator.frames(FRAMES)
            expected = simulate_golden(accelerator.graph, inputs)[accelerator.output]
            if not np.array_equal(outputs[name].reshape(expected.shape), expected):
                found.append(self.networks[name])
        return found

    def cpp(self) -> dict[str, np.ndarray]:
        tops = {name: each.graph for name, each in self.accelerators.items()}
        simulator = compile_cpp(emit_cpp(tops), tops, self.folder / "cpp", optimize=False)
        return {
            name: simulator.run(each.frames(FRAMES), self.folder, top=name)[each.output]
            for name, each in self.accelerators.items()
        }

    def emit(self, depths: Mapping[str, int]) -> Target:
        graphs = {name: onnx.load(each.folded) for name, each in self.accelerators.items()}
        folded, out = self.folder / "batch.onnx", self.folder / "rtl"
        onnx.save(side_by_side(graphs), folded)
        design = emit_rtl(folded, out, part=self.board.part, clock_mhz=100, depths=depths)
        return Target.accelerator(design, out)

    def rtl(self, target: Target, traffic: Traffic) -> dict[str, np.ndarray]:
        inputs = {
            f"{name}_{tensor}": values
            for name, each in self.accelerators.items()
            for tensor, values in each.frames(FRAMES).items()
        }
        run = simulate(target, inputs, cache=self.folder / "cache", variant=BRIEF, traffic=traffic)
        return {
            name: run.outputs[f"{name}_{each.output}"] for name, each in self.accelerators.items()
        }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(network=networks())
def test_golden_equals_streamlined(
    network: RandomNetwork, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lowered(network, tmp_path_factory.mktemp("network"))


def test_cpp(tmp_path: Path) -> None:
    batch = Batch(range(FIRST, FIRST + QUICK), tmp_path, BOARDS[0])
    assert batch.wrong(batch.cpp()) == []


def test_stitched_rtl(tmp_path: Path) -> None:
    batch = Batch(range(FIRST, FIRST + QUICK_RTL), tmp_path, BOARDS[0])
    target = batch.emit({})
    # Deep enough for any schedule: a fork's ways may drift apart by a frame.
    forks = {
        stream.tensor: max(2, stream.words)
        for kernel in target.graph.kernels
        if len(kernel.outputs) > 1
        for stream in kernel.outputs
    }
    target = batch.emit(forks)
    for traffic in TRAFFIC[:2]:
        assert batch.wrong(batch.rtl(target, traffic)) == [], traffic


@pytest.mark.slow
@pytest.mark.parametrize("index", range(BATCHES))
def test_many_networks(index: int, tmp_path: Path) -> None:
    first = FIRST + QUICK + index * BATCH
    batch = Batch(range(first, first + BATCH), tmp_path, BOARDS[index % 2])
    assert batch.wrong(batch.cpp()) == []
    target = size_fifos(batch.emit, cache=tmp_path / "cache", variant=BRIEF).target
    for traffic in TRAFFIC:
        assert batch.wrong(batch.rtl(target, traffic)) == [], traffic
