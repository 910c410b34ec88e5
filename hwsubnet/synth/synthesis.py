"""Synthesis of an accelerator by Yosys: every node, every stream, and the whole."""

from pathlib import Path

from hwsubnet import tools
from hwsubnet.artifacts import RtlDesign, SynthesisReport, SynthesizedPart
from hwsubnet.boards import Board
from hwsubnet.kernels import read_graph
from hwsubnet.synth.cache import Cache
from hwsubnet.synth.crew import Crew, Limits
from hwsubnet.synth.jobs import Job, Sources
from hwsubnet.synth.primitives import count


def synthesize(
    folder: Path,
    board: Board,
    out: Path | None = None,
    *,
    whole: bool = True,
    cache: Path | None = None,
    limits: Limits | None = None,
) -> SynthesisReport:
    """Synthesize the design in a build folder for the family of a board's part.

    Parameters
    ----------
    folder
        Where a design and its ``rtl.json`` are.
    board
        Whose family decides the primitives, and whose UltraRAM may be used.
    out
        Folder for ``synthesis.json``, if it is to be kept.
    whole
        Whether to synthesize the stitched design, flattened, besides its parts: the truth about
        the sum, and the paths from one node into the next. It takes as long as all parts.
    cache
        Folder of earlier results; this user's if not given.
    limits
        What each synthesis may use.

    Raises
    ------
    ToolError
        If Yosys is missing, fails, or needs more time or memory than it may use. Parts that were
        done by then need not be done again.
    OutputError
        If the design is damaged, or the cache cannot be written.
    """
    yosys = tools.require("yosys")
    design = RtlDesign.load(folder)
    sources = Sources(design, folder)
    operators = {
        kernel.name: kernel.op for kernel in read_graph(folder / design.graph.path).kernels
    }
    nodes = [sources.node(name, operators[name]) for name in design.modules]
    edges = sources.edges()
    wholes = [sources.whole()] if whole else []
    crew = Crew(
        cache=Cache(cache or tools.cache_folder("syntheses")),
        family=board.family,
        ultraram=board.resources.URAM > 0,
        yosys=str(yosys.version),
        limits=limits or Limits(),
    )
    found = crew.run([*wholes, *nodes, *edges])

    def part(job: Job) -> SynthesizedPart:
        result = found[job.content]
        return SynthesizedPart(
            name=job.name, op=job.op, cells=count(result.cells), path=result.path
        )

    report = SynthesisReport(
        part=board.part,
        family=board.family,
        tool=f"Yosys {yosys.version}",
        nodes=tuple(part(job) for job in nodes),
        edges=tuple(part(job) for job in edges),
        whole=part(wholes[0]) if wholes else None,
    )
    if out is not None:
        report.save(out)
    return report
