"""How fast the RTL simulates: by batch, by design, and with two processes.

Usage: ``python benchmarks/rtlsim.py [--frames N] [--channels 4,8,16]``; JSON on stdout.

The designs are one convolutional network, its channels and its parallelism growing together, in
the RTL that `hwsubnet simulate` runs. ``plain`` is Verilator's single-thread build as `hwsubnet`
makes it; ``two_processes`` the same binary with the frames divided. Wall-clock times; ``load`` says
how busy the machine was.
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

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.dataflow import PART, Builder

from hwsubnet import tools
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.progress import track
from hwsubnet.simulate.rtlsim import Target, simulate
from hwsubnet.simulate.verilate import Variant, build


def network(channels: int) -> Any:
    """Build convolutions and a dense layer on 28x28 images, W4A4; PE and SIMD grow as channels."""
    fold = max(1, channels // 4)
    net = Builder()
    x = net.input((1, 28, 28, 1))
    x = net.windows(net.pad(x), 3, 1)
    x = net.threshold(net.matrix(x, channels, pe=fold, simd=3))
    x = net.windows(x, 2, 2, simd=fold)
    x = net.threshold(net.matrix(x, channels, pe=fold, simd=fold))
    x = net.windows(net.pad(x, simd=fold), 3, 1, simd=fold)
    x = net.threshold(net.matrix(x, 2 * channels, pe=2 * fold, simd=fold))
    x = net.windows(x, 14, 1, simd=fold)
    return net.model(net.matrix(x, 10, simd=fold))


def measure(channels: int, frames: int, folder: Path) -> dict[str, Any]:
    """Build one design afresh and time it."""
    folded, out, cache = folder / "folded.onnx", folder / "design", folder / "cache"
    network(channels).save(str(folded))
    start = time.perf_counter()
    target = Target.accelerator(emit_rtl(folded, out, part=PART, clock_mhz=100), out)
    emitted = time.perf_counter()
    variant = Variant(monitor=False)
    build(target.design, out, target.top, target.graph, cache, variant)
    built = time.perf_counter()
    (stream,) = target.graph.inputs
    images = np.random.default_rng(0).integers(0, 256, (frames, *stream.shape))

    def timed(count: int, jobs: int = 1) -> dict[str, Any]:
        began = time.perf_counter()
        run = simulate(
            target, {stream.tensor: images[:count]}, cache=cache, variant=variant, jobs=jobs
        )
        seconds = time.perf_counter() - began
        return {
            "frames": count,
            "processes": jobs,
            "seconds": seconds,
            "cycles": run.cycles,
            "cycles_per_second": run.cycles / seconds,
            "frames_per_second": count / seconds,
            "cycles_per_frame": run.cycles_per_frame,
        }

    batches = [timed(count) for count in (frames // 16, frames // 4, frames) if count > 1]
    two = timed(frames, jobs=2)
    return {
        "channels": channels,
        "nodes": len(target.graph.kernels),
        "multipliers": sum(
            k.inputs[0].parallel * k.outputs[0].parallel
            for k in target.graph.kernels
            if k.op == "MVAU_rtl"
        ),
        "emit_seconds": emitted - start,
        "build_seconds": built - emitted,
        "plain": batches,
        "two_processes": two,
        "two_processes_over_plain": two["frames_per_second"] / batches[-1]["frames_per_second"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--channels", default="4,8,16")
    arguments = parser.parse_args()
    designs = []
    for channels in track([int(n) for n in arguments.channels.split(",")], "designs"):
        with TemporaryDirectory(prefix="hwsubnet-") as folder:
            designs.append(measure(channels, arguments.frames, Path(folder)))
    versions = {name: tools.require(name).version for name in ("verilator", "g++")}
    print(
        json.dumps(
            {
                "machine": platform.machine(),
                "cores": os.cpu_count(),
                "load": os.getloadavg(),
                "tools": versions,
                "designs": designs,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
