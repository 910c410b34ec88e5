"""How fast the compiled C++ simulates the network of the Fashion-MNIST preset, against its RTL.

Usage: ``python benchmarks/cppsim.py [--frames N] [--rtl-frames N]``; JSON on stdout.

The network's shape and folding decide the speed, not its weights: it is built with random ones. The
rate is frames over wall-clock time, files and process start included. ``processor_seconds`` counts
what the simulating processes used, and so does not depend on what else the machine does; ``load``
says how much that was.
"""

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from hwsubnet.artifacts import Estimate, NetworkSpec
from hwsubnet.boards import load_board
from hwsubnet.emit.cpp import emit_cpp
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.estimate import estimate
from hwsubnet.export import export
from hwsubnet.kernels import read_graph
from hwsubnet.lower import lower
from hwsubnet.models import build as build_network
from hwsubnet.quant import set_quantization
from hwsubnet.simulate.cppsim import LANES, compile_cpp
from hwsubnet.simulate.golden import simulate_golden
from hwsubnet.simulate.rtlsim import Target, simulate
from hwsubnet.simulate.verilate import Variant

BOARD = load_board("Pynq-Z2")


def folded_network(folder: Path) -> Estimate:
    """Build, export, lower and fold the network; its quantizers have seen random images."""
    torch.manual_seed(0)
    model = build_network(NetworkSpec(name="cnv", input_shape=(1, 28, 28), classes=10))
    set_quantization(model, weights=True, activations=True)
    model.train()
    for _ in range(3):
        model(torch.rand(16, 1, 28, 28))
    export(model.eval(), torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8), folder)
    lowered = lower(folder / "model.onnx", folder, BOARD)
    return estimate(lowered, folder, BOARD, folder)


def timed(frames: int, run: Callable[[], object]) -> dict[str, float]:
    """Time one run, and the processor time of its child processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "frames": frames,
        "seconds": seconds,
        "processor_seconds": processor,
        "frames_per_second": frames / seconds,
        "frames_per_processor_second": frames / processor,
    }


def measure(frames: int, rtl_frames: int, folder: Path) -> dict[str, Any]:
    """Build both simulators afresh and run them on the same random images."""
    folded = folder / folded_network(folder).folded.path
    graph = read_graph(folded)
    (stream,) = graph.inputs
    images = np.random.default_rng(0).integers(0, 256, (frames, *stream.shape))
    inputs = {stream.tensor: images}

    start = time.perf_counter()
    simulator = compile_cpp(emit_cpp({"top": graph}), {"top": graph}, folder / "cpp")
    compiled = time.perf_counter() - start
    few = {stream.tensor: images[:64]}
    golden, found = simulate_golden(graph, few), simulator.run(few, folder)
    assert all(np.array_equal(golden[name], values) for name, values in found.items())
    one = timed(frames, lambda: simulator.run(inputs, folder))
    two = timed(frames, lambda: simulator.run(inputs, folder, jobs=2))

    design, cache, variant = folder / "rtl", folder / "cache", Variant(monitor=False)
    emitted = emit_rtl(folded, design, part=BOARD.part, clock_mhz=BOARD.clock_mhz)
    target = Target.accelerator(emitted, design)

    def simulate_rtl(count: int) -> None:
        simulate(target, {stream.tensor: images[:count]}, cache=cache, variant=variant)

    simulate_rtl(1)  # builds
    rtl = timed(rtl_frames, lambda: simulate_rtl(rtl_frames))
    return {
        "frames_side_by_side": LANES,
        "compile_seconds": compiled,
        "cppsim": one,
        "cppsim_two_processes": two,
        "rtlsim": rtl,
        "ratio": one["frames_per_second"] / rtl["frames_per_second"],
        "ratio_of_processor_time": one["frames_per_processor_second"]
        / rtl["frames_per_processor_second"],
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
        },
    }


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--rtl-frames", type=int, default=200)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        result = measure(arguments.frames, arguments.rtl_frames, Path(folder))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
