"""Synthesis of an accelerator by Yosys: every node, every stream, and the whole."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hwsubnet import tools
from hwsubnet.artifacts import RtlDesign, SynthesisReport, SynthesizedPart
from hwsubnet.boards import Board
from hwsubnet.kernels import read_graph
from hwsubnet.synth.cache import Cache
from hwsubnet.synth.crew import Crew, Limits
from hwsubnet.synth.jobs import Job, Sources
from hwsubnet.synth.primitives import count
from hwsubnet.synth.worker import Result


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
    found = _crew(board, cache, limits).run([*wholes, *nodes, *edges])

    def part(job: Job) -> SynthesizedPart:
        return _part(job, found[job.content])

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


def synthesize_module(
    folder: Path,
    board: Board,
    module: str,
    parameters: Mapping[str, int],
    *,
    name: str,
    cache: Path | None = None,
    limits: Limits | None = None,
) -> SynthesizedPart:
    """Synthesize one module of the design in a build folder, with parameters of its own.

    Parameters
    ----------
    folder, board, cache, limits
        As of `synthesize`.
    module, parameters
        What to synthesize.
    name
        Under which the result is reported.

    Raises
    ------
    ToolError, OutputError
        As `synthesize`.
    """
    design = RtlDesign.load(folder).model_copy(update={"top": module})
    given = {parameter: str(value) for parameter, value in parameters.items()}
    whole = Sources(design, folder).whole()
    job = replace(whole, name=name, op=module, parameters=given)
    return _part(job, _crew(board, cache, limits).run([job])[job.content])


def _crew(board: Board, cache: Path | None, limits: Limits | None) -> Crew:
    return Crew(
        cache=Cache(cache or tools.cache_folder("syntheses")),
        family=board.family,
        ultraram=board.resources.URAM > 0,
        yosys=str(tools.require("yosys").version),
        limits=limits or Limits(),
    )


def _part(job: Job, result: Result) -> SynthesizedPart:
    return SynthesizedPart(name=job.name, op=job.op, cells=count(result.cells), path=result.path)
