"""What a build leaves: the record beside the package."""

from typing import ClassVar

from hwsubnet.artifacts import Artifact, Record, Resources, SynthesizedPart


class VendorRun(Record):
    """What Vivado says of the placed and routed design: shell, DMA and accelerator together."""

    tool: str
    resources: Resources
    slack_ns: float
    """Of the slowest path at the clock that was asked for; below 0 it is too slow."""
    clock_mhz: float
    """The clock that the slowest path allows."""

    @property
    def in_time(self) -> bool:
        """Whether it may run at the clock that was asked for."""
        return self.slack_ns >= 0


class EmulatedRun(Record):
    """A run of the driver against the emulated board."""

    frames: int
    mismatches: int
    """Frames of which some output differs from the golden model's."""
    cycles: int
    """Of the fabric's clock, packing and unpacking not among them."""


class BuiltPackage(Artifact):
    """A package, complete or not."""

    stem: ClassVar[str] = "build"

    name: str
    board: str
    part: str
    clock_mhz: float
    port_fps: float
    """Frames per second that the board's memory port can move at this clock: an upper bound."""
    shell: SynthesizedPart
    """The project's own part of the shell, by Yosys; DMA and interconnect are the vendor's."""
    emulated: EmulatedRun | None
    vendor: VendorRun | None
    """``None``: Vivado did not run, and there is no bitstream."""
    left: tuple[str, ...]
    """What is still to be done, as commands."""
