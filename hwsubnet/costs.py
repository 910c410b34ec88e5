"""What hardware takes: primitives of an FPGA, estimated or counted.

Part of :mod:`hwsubnet.artifacts`, from where it is imported.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal, Self

from hwsubnet.records import Artifact, Record

Rung = Literal["analytical", "calibrated", "synthesized", "vendor"]
"""The ladder of truth for resources (docs/ladder.md); a lower rung never passes for a higher."""


class Resources(Record):
    """Primitives of an AMD FPGA; ``None`` where the rung has no model of it."""

    LUT: float | None = None
    FF: float | None = None
    BRAM18: float | None = None
    URAM: float | None = None
    DSP: float | None = None

    def __add__(self, other: "Resources") -> "Resources":
        """Return the sum; unknown where an addend is unknown."""
        sums: dict[str, float | None] = {}
        for (name, one), (_, another) in zip(self, other, strict=True):
            sums[name] = None if one is None or another is None else one + another
        return Resources(**sums)


class SynthesizedCells(Record):
    """Primitives of a synthesized netlist, before placement packs them."""

    lut_logic: int
    lut_memory: int
    """LUTs used as RAM or shift register."""
    ff: int
    bram18: int
    """18 Kbit halves: a 36 Kbit block counts twice."""
    uram: int
    dsp: int
    carry: int
    """In groups of four bits: a CARRY8 counts twice."""
    mux: int
    """Wide multiplexers (MUXF7, MUXF8), which come with the LUTs that they join."""

    @property
    def resources(self) -> Resources:
        """The same in the report's terms."""
        return Resources(
            LUT=self.lut_logic + self.lut_memory,
            FF=self.ff,
            BRAM18=self.bram18,
            URAM=self.uram,
            DSP=self.dsp,
        )

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """Add up."""
        rows = list(parts)
        return cls(**{name: sum(getattr(row, name) for row in rows) for name in cls.model_fields})


class LogicPath(Record):
    """The slowest path from a register or input to a register or output."""

    levels: int
    """LUTs, carry groups and wide multiplexers on it."""
    ns: float
    """Estimated from round numbers per cell and net, before placement and routing."""
    start: str
    """Signal at which it starts."""
    end: str
    """Signal behind the register, or output, at which it ends."""


class SynthesizedPart(Record):
    """A module synthesized alone: a node, a stream between two nodes, or the whole design."""

    name: str
    """Of the node; of the tensor for a stream; of the top module for the design."""
    op: str
    """Of the node; ``stream_edge`` for a FIFO with its width converter."""
    cells: SynthesizedCells
    path: LogicPath


class SynthesisReport(Artifact):
    """What Yosys makes of an accelerator's RTL."""

    stem: ClassVar[str] = "synthesis"

    part: str
    family: Literal["xc7", "xcup"]
    tool: str
    """With its version."""
    nodes: tuple[SynthesizedPart, ...]
    edges: tuple[SynthesizedPart, ...]
    whole: SynthesizedPart | None
    """The stitched design flattened; ``None`` if only its parts were asked for."""
    shell: SynthesizedPart | None = None
    """What joins the accelerator with the board's DMA; ``None`` where no shell serves it."""

    @property
    def parts(self) -> SynthesizedCells:
        """The sum over nodes and edges."""
        return SynthesizedCells.total(part.cells for part in (*self.nodes, *self.edges))

    @property
    def cells(self) -> SynthesizedCells:
        """The whole accelerator, or the sum over its parts where it was not synthesized whole."""
        return self.whole.cells if self.whole else self.parts
