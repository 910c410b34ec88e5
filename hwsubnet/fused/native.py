"""Builds and loads the C++ kernels in ``kernels/``.

They are compiled on first use, for the processor at hand, which takes some seconds, and kept in the
user's cache under the digest of all that decides about the result. They are plain C functions on
plain memory, without PyTorch's headers, and share the OpenMP threads that PyTorch already has: a
second OpenMP in the process would compete with the first for the cores.
"""

import ctypes
import logging
import os
import platform
import re
from ctypes import POINTER, c_double, c_float, c_int32, c_int64, c_void_p
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from hwsubnet import tools
from hwsubnet.artifacts import digest, scratch_folder
from hwsubnet.errors import HwsubnetError, ToolError

log = logging.getLogger(__name__)

_FLAGS = (
    "-std=c++17",
    "-O3",
    "-march=native",
    "-ffp-contract=off",  # a multiply-add is one operation only where the source says so
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-fvisibility=hidden",
)
_BUILD_SECONDS = 300


class Norm(ctypes.Structure):
    """A batch norm: its parameters and running statistics, which the kernel brings forward."""

    _fields_ = (
        ("weight", c_void_p),
        ("bias", c_void_p),
        ("running_mean", c_void_p),
        ("running_variance", c_void_p),
        ("momentum", c_double),
        ("epsilon", c_double),
    )


class Importance(ctypes.Structure):
    """The statistics of a channel mask that is being observed."""

    _fields_ = (("l1", c_void_p), ("l0", c_void_p), ("batches", c_void_p))


class Quantizer(ctypes.Structure):
    """The state of an activation quantizer."""

    _fields_ = (
        ("enabled", c_void_p),
        ("minimum", c_void_p),
        ("maximum", c_void_p),
        ("batches", c_void_p),
        ("step", c_void_p),
        ("range", c_int32),
        ("bits", c_int32),
        ("low", c_float),
        ("high", c_float),
    )


class Source(ctypes.Structure):
    """What a site reads: a tensor and the norm and mask behind it."""

    _fields_ = (
        ("x", c_void_p),
        ("norm", POINTER(Norm)),
        ("keep", c_void_p),
        ("importance", POINTER(Importance)),
        ("state", c_void_p),
    )


class Site(ctypes.Structure):
    """Forward pass of a site."""

    _fields_ = (
        ("rows", c_int64),
        ("channels", c_int64),
        ("bfloat16", c_int32),
        ("threads", c_int32),
        ("sources", c_int32),
        ("relu", c_int32),
        ("counts", c_int32),
        ("source", Source * 2),
        ("joint", POINTER(Quantizer)),
        ("keep", c_void_p),
        ("importance", POINTER(Importance)),
        ("quantizer", POINTER(Quantizer)),
        ("out", c_void_p),
        ("positive", c_void_p),
    )


class Branch(ctypes.Structure):
    """One source of a site in its backward pass."""

    _fields_ = (
        ("x", c_void_p),
        ("state", c_void_p),
        ("out", c_void_p),
        ("weight", c_void_p),
        ("bias", c_void_p),
    )


class Gradient(ctypes.Structure):
    """Backward pass of a site."""

    _fields_ = (
        ("rows", c_int64),
        ("channels", c_int64),
        ("bfloat16", c_int32),
        ("threads", c_int32),
        ("sources", c_int32),
        ("relu", c_int32),
        ("source", Branch * 2),
        ("positive", c_void_p),
        ("gradient", c_void_p),
    )


class Weight(ctypes.Structure):
    """Weights and their quantizer."""

    _fields_ = (
        ("channels", c_int64),
        ("size", c_int64),
        ("weight", c_void_p),
        ("maximum", c_void_p),
        ("batches", c_void_p),
        ("bits", c_int32),
        ("low", c_float),
        ("high", c_float),
        ("observes", c_int32),
        ("bfloat16", c_int32),
        ("scale", c_void_p),
        ("out", c_void_p),
    )


@cache
def kernels() -> ctypes.CDLL | None:
    """Return the kernels, built if need be; None, with one line in the log, where that fails."""
    try:
        library = build(tools.cache_folder("kernels"))
        try:
            return _load(library)
        except OSError:  # damaged
            library.unlink(missing_ok=True)
            return _load(build(tools.cache_folder("kernels")))
    except (HwsubnetError, OSError) as error:
        log.warning("training without the compiled kernels, which is slower: %s", error)
        return None


def build(cache_folder: Path) -> Path:
    """Return the shared library, built once for sources, compiler and processor.

    Raises
    ------
    ToolError
        If g++ is missing, too old, or fails.
    OutputError
        If the folder cannot be written.
    """
    compiler = tools.require("g++").path or Path("g++")
    openmp = _openmp()
    flags = [*_FLAGS, "-fopenmp" if openmp else "-fopenmp-simd"]
    if platform.machine() == "x86_64":
        flags.append("-mprefer-vector-width=512")
    with as_file(files("hwsubnet.fused") / "kernels") as folder:
        sources = sorted(folder.iterdir())
        with scratch_folder(cache_folder) as scratch:
            # What -march=native means here; names the compiler as well.
            target = tools.run(
                [compiler, *flags, "-dM", "-E", "-x", "c++", os.devnull],
                log=scratch / "target.log",
                timeout=_BUILD_SECONDS,
            )
            parts = [(path.name, path.read_bytes()) for path in sources]
            key = digest(parts, flags, target, str(openmp))[:32]
            library = cache_folder / f"{key}.so"
            if not library.is_file():
                objects = [path for path in sources if path.suffix == ".cpp"]
                compiled = _compile([compiler, *flags], objects, openmp, scratch)
                compiled.replace(library)
    return library


def _compile(
    command: list[Path | str], sources: list[Path], openmp: Path | None, scratch: Path
) -> Path:
    """Compile in two steps, so that it is PyTorch's OpenMP that is linked, not g++'s own."""
    tools.run(
        [*command, "-c", *sources], log=scratch / "g++.log", cwd=scratch, timeout=_BUILD_SECONDS
    )
    made = scratch / "kernels.so"
    libraries = [openmp] if openmp else []
    objects = [scratch / f"{source.stem}.o" for source in sources]
    tools.run(
        [command[0], "-shared", "-o", made, *objects, *libraries],
        log=scratch / "link.log",
        timeout=_BUILD_SECONDS,
    )
    return made


def _openmp() -> Path | None:
    """Where the OpenMP library is that PyTorch has loaded; None where it is not known."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"/\S*/lib(?:gomp|iomp5)[^/\s]*$", maps, re.MULTILINE)
    return Path(found[0]) if found else None


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, arguments in (
        ("hwsubnet_site_forward", (POINTER(Site),)),
        ("hwsubnet_site_backward", (POINTER(Gradient),)),
        ("hwsubnet_weight_forward", (POINTER(Weight),)),
        ("hwsubnet_weight_backward", (POINTER(Weight), c_void_p, c_void_p)),
    ):
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise ToolError(f"{path} has no {name}", fix="delete it") from error
        function.argtypes, function.restype = arguments, None
    return library
