"""Packages for the emulated board, made of small test networks."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from support.rtl_simulation import emitter

from hwsubnet.artifacts import HostAffine
from hwsubnet.boards import Board
from hwsubnet.build.interface import interface_of
from hwsubnet.build.shell import add_shell
from hwsubnet.build.system import hand_off
from hwsubnet.driver import Interface, to_integers, to_reals
from hwsubnet.kernels import KernelGraph, read_graph
from hwsubnet.simulate.emulated import Bitstream, build_board, write_bitstream
from hwsubnet.simulate.golden import simulate_golden

CLOCK_MHZ = 100.0


@dataclass(frozen=True)
class EmulatedPackage:
    """Files that an `Accelerator` loads, and what it should compute."""

    bitfile: Path
    graph: KernelGraph
    interface: Interface
    bitstream: Bitstream

    def frames(self, count: int, seed: int = 3) -> np.ndarray:
        """Inputs in the model's units."""
        units = self.interface.input.units
        rng = np.random.default_rng(seed)
        integers = rng.integers(units.low, units.high, (count, *units.frame), endpoint=True)
        return (units.scale[0] * (integers - units.zero_point)).astype(np.float32)

    def expected(self, x: np.ndarray) -> np.ndarray:
        """Outputs in the model's units, by the golden model."""
        (source,), (sink,) = self.graph.inputs, self.graph.outputs
        integers = to_integers(x, self.interface.input.units)
        found = simulate_golden(
            self.graph, {source.tensor: integers.reshape(len(x), *source.shape)}
        )
        return to_reals(found[sink.tensor], self.interface.output.units)

    def altered(self, folder: Path, **changes: int) -> Path:
        """The same package with another bitstream; returns its bitfile."""
        for suffix in (".hwh", ".json"):
            text = self.bitfile.with_suffix(suffix).read_text()
            (folder / self.bitfile.with_suffix(suffix).name).write_text(text)
        write_bitstream(replace(self.bitstream, **changes), folder / self.bitfile.name)
        return folder / self.bitfile.name


def make_package(model: ModelWrapper, board: Board, folder: Path, cache: Path) -> EmulatedPackage:
    """Emit a network, put the shell around it, and write the package."""
    rtl = emitter(model, folder)({}).folder
    design = add_shell(rtl, board)
    graph = read_graph(rtl / design.graph.path)
    (source,), (sink,) = graph.inputs, graph.outputs
    interface = interface_of(
        "net",
        board,
        CLOCK_MHZ,
        1e6,
        graph,
        HostAffine(
            datatype=source.datatype.name,
            shape=(1, *source.shape),
            transpose=(0, 2, 3, 1),
            scale=(1 / 255,),
        ),
        HostAffine(
            datatype=sink.datatype.name,
            shape=(1, *sink.shape),
            transpose=(0, 3, 1, 2),
            scale=(0.5,),
            bias=(-1.0,),
        ),
    )
    bitfile = folder / "net.bit"
    interface.write(bitfile.with_suffix(".json"))
    bitfile.with_suffix(".hwh").write_text(hand_off("net", board, CLOCK_MHZ))
    bitstream = build_board(design, rtl, interface.beat_bytes, cache)
    write_bitstream(bitstream, bitfile)
    return EmulatedPackage(bitfile, graph, interface, bitstream)
