"""Syntheses of hand-written Verilog."""

from collections.abc import Mapping
from pathlib import Path

from hwsubnet.synth.cache import Cache
from hwsubnet.synth.crew import Crew, Limits
from hwsubnet.synth.jobs import Job
from hwsubnet.synth.timing import Family
from hwsubnet.tools import require


def crew_of(
    folder: Path, family: Family, *, ultraram: bool = False, limits: Limits | None = None
) -> Crew:
    yosys = str(require("yosys").version)
    return Crew(Cache(folder), family, ultraram, yosys, limits or Limits(jobs=1))


def verilog(text: str, memories: Mapping[str, str] | None = None, name: str = "kit") -> Job:
    """A job of one hand-written file whose top module is ``kit``."""
    return Job(name, "test", "kit", {"kit.sv": text}, memories or {})
