"""The whole accelerator as compiled C++: one process, the whole batch."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hwsubnet import tools
from hwsubnet.artifacts import digest, replacing, scratch_folder, write_text
from hwsubnet.errors import ToolError
from hwsubnet.kernels import IntArray, KernelGraph
from hwsubnet.resources import shipped
from hwsubnet.simulate.inputs import check_inputs
from hwsubnet.simulate.running import run_simulation

Reading = Literal["lanes", "ap"]
"""How the kernels' types are read (``hls/include/types.hpp``)."""

LANES = 32
"""Frames side by side; 16-bit elements then fill a 512-bit vector. Twice as many were slower."""


@dataclass(frozen=True, eq=False)
class CppSimulator:
    """A compiled accelerator."""

    executable: Path
    tops: Mapping[str, KernelGraph]

    def run(
        self,
        inputs: Mapping[str, IntArray],
        folder: Path,
        *,
        top: str | None = None,
        jobs: int = 1,
    ) -> dict[str, IntArray]:
        """Run N frames.

        Parameters
        ----------
        inputs
            By tensor name; shape (N, *stream.shape), values (not codes).
        folder
            For the raw files that go in and out; they are removed.
        top
            Which accelerator; needed if there are several.
        jobs
            Processes that the frames are divided over.

        Returns
        -------
        dict
            By tensor name; shape (N, *stream.shape).

        Raises
        ------
        ModelError
            If an input has the wrong shape or range.
        ToolError
            If the simulation fails.
        """
        (top,) = self.tops if top is None else (top,)
        graph = self.tops[top]
        frames = check_inputs(graph, inputs)
        rounds = np.array_split(np.arange(-(-frames // LANES)), jobs)
        bounds = [(r[0] * LANES, (r[-1] + 1) * LANES) for r in rounds if r.size]
        shards = [{name: x[first:last] for name, x in inputs.items()} for first, last in bounds]
        with ThreadPoolExecutor(len(shards)) as pool:
            parts = list(pool.map(lambda shard: self._run(top, shard, folder), shards))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run(self, top: str, inputs: Mapping[str, IntArray], folder: Path) -> dict[str, IntArray]:
        graph = self.tops[top]
        frames = len(inputs[graph.inputs[0].tensor])
        with scratch_folder(folder) as scratch:
            files = [scratch / f"in{i}.bin" for i in range(len(graph.inputs))]
            for stream, file in zip(graph.inputs, files, strict=True):
                codes = stream.datatype.encode(inputs[stream.tensor])
                codes.astype(stream.datatype.container).tofile(file)
            results = [scratch / f"out{i}.bin" for i in range(len(graph.outputs))]
            command: list[str | Path] = [self.executable, top, str(frames), *files, *results]
            run_simulation(
                command, log=scratch / "run.log", kept=self.executable.parent / "run.log"
            )
            outputs = {}
            for stream, file in zip(graph.outputs, results, strict=True):
                codes = np.fromfile(file, stream.datatype.container).astype(np.int64)
                outputs[stream.tensor] = stream.datatype.decode(codes).reshape(-1, *stream.shape)
        return outputs


def compile_cpp(
    sources: Mapping[str, str],
    tops: Mapping[str, KernelGraph],
    folder: Path,
    *,
    reading: Reading = "lanes",
    optimize: bool = True,
    kernels: Path | None = None,
) -> CppSimulator:
    """Compile emitted C++; what was compiled before from the same text is used again.

    Parameters
    ----------
    sources
        Files by name, as emitted for `tops`.
    tops
        Accelerators by the name of their top function.
    folder
        Where builds are kept, each in a folder named by its content.
    reading
        ``lanes`` for speed; ``ap`` compiles with the ap_types headers, as Vitis HLS would read it.
    optimize
        Whether the batch is worth a longer compilation.
    kernels
        Folder of the kernels in place of the shipped ``hls/``.

    Raises
    ------
    ToolError
        If g++ is missing or refuses the code.
    """
    compiler = tools.require("g++")
    hls = kernels or shipped("hls")
    flags = ["-Wall", "-Wextra", "-Wno-unknown-pragmas"]
    flags += [f"-I{hls / 'include'}", f"-I{hls / 'tb'}"]
    if reading == "lanes":
        # C++17's new respects the alignment of vectors. That the calling convention of vectors
        # depends on flags does not matter in a single translation unit.
        flags += [
            "-std=c++17",
            "-O3" if optimize else "-O0",
            "-march=native",
            "-fwrapv",
            "-Wno-psabi",
            f"-DHWSUBNET_LANES={LANES}",
        ]
    else:
        flags += ["-std=c++14", "-O1", "-w", f"-isystem{_ap_types()}"]
    headers = sorted((*hls.glob("include/*.hpp"), *hls.glob("tb/*.hpp")))
    key = digest(
        dict(sources),
        {header.name: header.read_text() for header in headers},
        flags,
        compiler.version,
        _processor(),
    )[:16]
    build = folder / key
    executable = build / "testbench"
    if not executable.exists():
        for name, text in sources.items():
            write_text(build / name, text)
        with replacing(executable) as temporary:
            command = [compiler.path or "g++", *flags, "testbench.cpp", "-o", temporary]
            tools.run(command, log=build / "compile.log", cwd=build)
    return CppSimulator(executable, tops)


def _ap_types() -> Path:
    """Find the folder of ap_int.h and hls_stream.h, in the installed hls4ml package."""
    from importlib.util import find_spec

    # find_spec, not importlib.resources: importing hls4ml takes seconds.
    spec = find_spec("hls4ml")
    if spec is None or not spec.origin:
        raise ToolError("the ap_types headers are not installed", fix="pip install hls4ml")
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def _processor() -> str:
    """Return what -march=native depends on: a build may not run on another processor."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        import platform

        return platform.processor()
    return "".join(line for line in text.splitlines()[:40] if line.startswith(("model", "flags")))
