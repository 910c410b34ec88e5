"""The scripts that Vivado runs, written from templates."""

from collections.abc import Mapping, Sequence

from hwsubnet.boards import Board
from hwsubnet.build.shell import TOP, templates
from hwsubnet.build.system import DMA_RANGE, dma_settings, processor_settings, system_of
from hwsubnet.driver.accelerator import DMA

STEPS = ("project", "block design", "synthesis", "implementation", "reports")
"""Of ``build.tcl``, as it tells them in its log."""
MINIMUM_VIVADO = "2022.1"
RUN = "vivado -mode batch -source build.tcl"
"""What makes the bitstream, in the scripts' folder."""
MEMORIES = "data"
"""Folder of the memories' contents, as the sources name it."""
MISSING = "MISSING.txt"
"""File that says what a package without a bitstream still needs; ``build.tcl`` removes it."""


def scripts(
    name: str, board: Board, clock_mhz: float, sources: Sequence[str], jobs: int
) -> Mapping[str, str]:
    """Return ``build.tcl`` and ``design.tcl``, by name.

    Parameters
    ----------
    name
        Of the package.
    board, clock_mhz
        The target.
    sources
        Paths of the shell's and the accelerator's sources, relative to the scripts.
    jobs
        Processes that Vivado may use.

    Raises
    ------
    BoardError
        If there is no shell for the board's part.
    """
    system = system_of(board)
    return {
        "build.tcl": templates.get_template("build.tcl.j2").render(
            name=name,
            board=board.name,
            part=board.part,
            clock_mhz=f"{clock_mhz:g}",
            steps=STEPS,
            minimum=MINIMUM_VIVADO,
            sources=sources,
            memories=MEMORIES,
            missing=MISSING,
            jobs=jobs,
        ),
        "design.tcl": templates.get_template("design.tcl.j2").render(
            ps=system,
            ps_settings=processor_settings(board, clock_mhz),
            dma=DMA,
            dma_settings=dma_settings(board),
            shell=TOP,
            registers=f"0x{system.registers:08X}",
            register_range=f"0x{DMA_RANGE:08X}",
        ),
    }
