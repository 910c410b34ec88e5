"""One model to what a PYNQ user copies to a board."""

import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwsubnet import tools
from hwsubnet.artifacts import (
    Metrics,
    RtlDesign,
    SynthesizedPart,
    check_writable,
    scratch_folder,
    write_text,
)
from hwsubnet.boards import Board
from hwsubnet.driver import Interface
from hwsubnet.errors import (
    ConfigError,
    Deadlock,
    DeviceError,
    DoesNotFit,
    Mismatch,
    OutputError,
)
from hwsubnet.flow.pipeline import metrics
from hwsubnet.flow.simulating import size_accelerator
from hwsubnet.flow.single import FoldedModel, fold_model
from hwsubnet.flow.synthesizing import synthesize_shell, with_shell
from hwsubnet.kernels import KernelGraph, read_graph

if TYPE_CHECKING:
    from hwsubnet.build.record import BuiltPackage, EmulatedRun, VendorRun

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_GOLDEN = "golden.npz"
"""Frames that an export leaves beside its model."""
_RANDOM_FRAMES = 16
_EMULATED_TRANSFERS = 3
_SLOWEST_SIMULATION = 5_000
"""Cycles per second; where fewer pass, a transfer is given up."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """What was built, and all that is known of its accelerator."""

    package: "BuiltPackage"
    metrics: Metrics


def build_model(
    model: Path,
    board: Board,
    out: Path,
    *,
    name: str | None = None,
    x: NDArray[np.generic] | None = None,
    where: object = None,
    emulate: bool = False,
    fps: float | None = None,
    folding: Path | None = None,
    clock_mhz: float | None = None,
    vivado: Path | None = None,
    bitstream: bool = True,
    jobs: int = 1,
) -> Built:
    """Lower and fold a QONNX model, put the shell around its RTL, and make a PYNQ package.

    Parameters
    ----------
    model
        Any QONNX file.
    board
        The target.
    out
        Gets ``vivado/``, the project that Vivado runs, ``package/`` and ``build.json``; earlier
        ones are replaced.
    name
        Of the package and its files; the model file's if not given.
    x
        Golden inputs (N, ...) in the model's input units; if not given those of the
        ``golden.npz`` beside the model, or else random ones.
    where
        Where `x` came from, for messages.
    emulate
        Run the driver on all golden inputs against the emulated board first.
    fps, folding, clock_mhz
        As of `estimate_model`.
    vivado
        Vivado's program; looked for on PATH if not given.
    bitstream
        Whether to run Vivado where there is one.
    jobs
        Processes that Vivado may use.

    Returns
    -------
    Built
        Without ``vendor`` numbers and bitstream where Vivado did not run.

    Raises
    ------
    BoardError
        If there is no shell for the board's part.
    ModelError
        If the model cannot be lowered, or `x` does not fit it; told before anything is built.
    DoesNotFit
        If accelerator and shell need more than the board has: how much.
    Mismatch, Deadlock
        If the emulated board gives other outputs than the golden model, or none.
    ToolError
        If a tool is missing, or Vivado is too old, fails or is killed; the package then says that
        it is not complete.
    """
    from hwsubnet.build.interface import streams
    from hwsubnet.build.record import BuiltPackage
    from hwsubnet.build.shell import add_shell
    from hwsubnet.build.system import system_of

    system_of(board)  # refused at once
    name = _checked_name(name if name is not None else model.stem)
    tools.require_all("yosys", "verilator", "g++", "make")
    check_writable(out / f"{BuiltPackage.stem}.json")
    tool = _find_vivado(vivado) if bitstream else None
    simulations = tools.cache_folder("simulations")
    with fold_model(model, board, fps=fps, folding=folding, clock_mhz=clock_mhz) as accelerator:
        found = Metrics(**metrics(accelerator.lowered, accelerator.estimated))
        _refuse_misfit(found, model, board)
        streams(read_graph(accelerator.path), board)  # refused before anything is built
        if x is None:
            x, where = _golden_inputs(model), model.parent / _GOLDEN
        if x is not None:
            accelerator.check_frames(x, where)
        rtl, clock = accelerator.folder / "rtl", accelerator.estimated.clock_mhz
        size_accelerator(accelerator.path, board, clock, rtl, simulations)
        shell = synthesize_shell(rtl, board)
        assert shell is not None, "its streams were looked at"
        found = with_shell(found, shell, board)
        _refuse_misfit(found, model, board)
        design = add_shell(rtl, board)
        job = _Job(name, board, clock, accelerator, design, read_graph(accelerator.path))
        x, y = job.golden(x)
        emulated = job.emulate(x, y, simulations) if emulate else None
        job.write(out, x, y, jobs)
    vendor = _run_vivado(out, tool, job) if tool is not None else None
    package = job.record(out, shell, emulated, vendor)
    package.save(out)
    if vendor is not None:
        found = found.model_copy(
            update={"resources": {**found.resources, "vendor": vendor.resources}}
        )
    return Built(package, with_shell(found, shell, board))


@dataclass(frozen=True, eq=False)
class _Job:
    """An accelerator in its shell, about to become a package."""

    name: str
    board: Board
    clock_mhz: float
    accelerator: FoldedModel
    design: RtlDesign
    graph: KernelGraph

    @property
    def rtl(self) -> Path:
        return self.accelerator.folder / "rtl"

    @property
    def interface(self) -> Interface:
        from hwsubnet.build.interface import interface_of

        lowered = self.accelerator.lowered
        return interface_of(
            self.name,
            self.board,
            self.clock_mhz,
            self.accelerator.estimated.fps,
            self.graph,
            lowered.input,
            lowered.output,
        )

    def golden(
        self, x: NDArray[np.generic] | None
    ) -> tuple[NDArray[np.generic], NDArray[np.floating]]:
        """Return inputs, random ones if there are none, and the golden model's outputs."""
        from hwsubnet.driver import to_integers, to_reals
        from hwsubnet.simulate.golden import simulate_golden

        units = self.interface.input.units
        if x is None:
            log.info("there are no golden inputs beside the model: random ones take their place")
            shape = (_RANDOM_FRAMES, *units.frame)
            integers = np.random.default_rng(0).integers(units.low, units.high + 1, shape)
            x = units.scale[0] * (integers - units.zero_point)
        (source,), (sink,) = self.graph.inputs, self.graph.outputs
        frames = to_integers(x, units).reshape(len(x), *source.shape)
        found = simulate_golden(self.graph, {source.tensor: frames})[sink.tensor]
        return x, to_reals(found, self.interface.output.units)

    def emulate(
        self, x: NDArray[np.generic], y: NDArray[np.floating], cache: Path
    ) -> "EmulatedRun":
        """Run the driver against the emulated board, in several transfers.

        Raises
        ------
        Mismatch
            If an output differs.
        Deadlock
            If a transfer does not end.
        """
        from hwsubnet.build.record import EmulatedRun
        from hwsubnet.build.system import hand_off
        from hwsubnet.driver import Accelerator
        from hwsubnet.progress import progress
        from hwsubnet.simulate.emulated import build_board, emulated_pynq, write_bitstream

        interface = self.interface
        bitfile = self.accelerator.folder / f"{self.name}.bit"
        interface.write(bitfile.with_suffix(".json"))
        write_text(bitfile.with_suffix(".hwh"), hand_off(self.name, self.board, self.clock_mhz))
        with progress() as display:
            task = display.add_task("emulating the board", total=None)
            bitstream = build_board(self.design, self.rtl, interface.beat_bytes, cache)
            write_bitstream(bitstream, bitfile)
            rows = max(interface.input.row_bytes, interface.output.row_bytes)
            buffer = rows * -(-len(x) // _EMULATED_TRANSFERS)
            with (
                emulated_pynq() as device,
                Accelerator(bitfile, buffer_bytes=buffer, timeout=self.patience(len(x))) as board,
            ):
                try:
                    found = board.run(x)
                except DeviceError as error:
                    raise Deadlock(
                        f"on the emulated board {error.what}", where=self.name
                    ) from error
                cycles = device.cycles
            display.remove_task(task)
        differing = int((found != y).reshape(len(y), -1).any(axis=1).sum())
        if differing:
            raise Mismatch(
                f"{differing} of {len(y)} frames differ between the emulated board and the golden "
                "model",
                where=self.name,
            )
        return EmulatedRun(frames=len(y), mismatches=differing, cycles=cycles)

    def patience(self, frames: int) -> float:
        """Return the seconds that the simulation of so many frames may take."""
        estimated = self.accelerator.estimated
        cycles = frames * estimated.cycles_per_frame + (estimated.latency_cycles or 0)
        return 60 + cycles / _SLOWEST_SIMULATION

    def write(self, out: Path, x: NDArray[np.generic], y: NDArray[np.floating], jobs: int) -> None:
        """Write project and package, each in one rename."""
        from hwsubnet.build.package import write_package
        from hwsubnet.build.record import BuiltPackage
        from hwsubnet.build.tcl import scripts

        with scratch_folder(out) as scratch:
            vivado = scratch / "vivado"
            shutil.copytree(self.rtl, vivado)
            sources = [source.path for source in self.design.sources]
            texts = scripts(self.name, self.board, self.clock_mhz, sources, jobs)
            for file, text in texts.items():
                write_text(vivado / file, text)
            left = self.accelerator.lowered.coverage.left
            write_package(scratch / "package", self.interface, x, y, left)
            (out / f"{BuiltPackage.stem}.json").unlink(missing_ok=True)
            for part in ("package", "vivado"):
                if (out / part).exists():
                    (out / part).rename(scratch / f"replaced-{part}")
                (scratch / part).rename(out / part)

    def command(self, out: Path) -> str:
        """Return what makes the bitstream, from the folder that `out` is given in."""
        from hwsubnet.build.tcl import RUN

        return f"cd {out / 'vivado'} && {RUN}"

    def record(
        self,
        out: Path,
        shell: SynthesizedPart,
        emulated: "EmulatedRun | None",
        vendor: "VendorRun | None",
    ) -> "BuiltPackage":
        """Return the record of what was built."""
        from hwsubnet.build.record import BuiltPackage

        return BuiltPackage(
            name=self.name,
            board=self.board.name,
            part=self.board.part,
            clock_mhz=self.clock_mhz,
            port_fps=self.interface.port_fps,
            shell=shell,
            emulated=emulated,
            vendor=vendor,
            left=() if vendor else (self.command(out),),
        )


def _find_vivado(program: Path | None) -> tools.Tool | None:
    """Return Vivado; ``None`` if none is installed. One that cannot be used is an error."""
    if program is None and tools.find_tool("vivado").status == "missing":
        return None
    return tools.require("vivado", program)


def _run_vivado(out: Path, vivado: tools.Tool, job: _Job) -> "VendorRun":
    from hwsubnet.build.vivado import run_vivado

    return run_vivado(out / "vivado", vivado, job.clock_mhz, job.board.family)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"a package's name is a letter and up to 63 letters, digits, - or _, not {name!r}",
            where="--name",
        )
    return name


def _golden_inputs(model: Path) -> NDArray[np.generic] | None:
    """Return the inputs that an export left beside its model, if there are any."""
    path = model.parent / _GOLDEN
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            found: NDArray[np.generic] = archive["x"]
            return found
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(
            f"holds no golden inputs ({error})", where=path, fix="give others with --inputs"
        ) from error


def _refuse_misfit(found: Metrics, model: Path, board: Board) -> None:
    """Raise `DoesNotFit` if some resource is known to be exceeded."""
    if found.fits is not False:
        return
    over = ", ".join(
        f"{share:.0%} of its {name}"
        for name, share in found.utilization.items()
        if share is not None and share > 1
    )
    raise DoesNotFit(
        f"needs {over} on {board.name}",
        where=model,
        fix="prune more channels, ask for fewer --fps, or choose a larger board",
    )
