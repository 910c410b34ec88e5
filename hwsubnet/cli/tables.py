"""Answers as tables, for people. What is unknown is a dash, never 0."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hwsubnet.artifacts import (
    LogicPath,
    Metrics,
    Report,
    Resources,
    Rung,
    Simulation,
    SynthesizedCells,
    TrainedNetwork,
)
from hwsubnet.boards import Board
from hwsubnet.tools import Tool

Renderables = tuple[RenderableType, ...]

UNKNOWN = "-"
_STATUS = {"ok": "green", "missing": "yellow", "too old": "red", "broken": "red"}


def report(found: Report, folder: Path) -> Renderables:
    """One row a level, and where the report is."""
    from hwsubnet.report.quality import quality

    table = Table("level", title=f"{found.board} at {found.clock_mhz:g} MHz", title_justify="left")
    names = ("channels", quality(found).name, "FPS", "LUT", "BRAM18", "DSP", "from", "fits")
    for name in names:
        table.add_column(name, justify="right")
    for level in found.levels:
        kept, of = (
            sum(getattr(layer, field) for layer in (level.channels or {}).values())
            for field in ("kept", "of")
        )
        rung, used = best(level)
        table.add_row(
            f"{level.sparsity:.0%}",
            f"{kept} of {of}" if of else UNKNOWN,
            quality(found).text(level.accuracy.quantized) if level.accuracy else UNKNOWN,
            number(level.fps),
            number(used.LUT),
            number(used.BRAM18),
            number(used.DSP),
            rung or UNKNOWN,
            yes(level.fits),
        )
    reasons = [
        Text(f"Level {level.sparsity:.0%} has no accelerator: {level.infeasible}")
        for level in found.levels
        if level.infeasible
    ]
    return table, *reasons, Text(f"The whole report: {folder / 'report.html'}")


def trained(levels: Mapping[float, TrainedNetwork], folder: Path) -> Renderables:
    """One row a level, and where the networks are."""
    from hwsubnet.report.quality import quality_of

    table = Table("level", "images", "measured", "float", "quantized")
    for sparsity, network in levels.items():
        for seen in filter(None, (network.validation, network.test)):
            table.add_row(
                f"{sparsity:.0%}",
                f"{seen.images} {seen.split}",
                seen.metric,
                quality_of(seen).exact(seen.float_),
                quality_of(seen).exact(seen.quantized),
            )
    return table, Text(f"The networks: {folder}/level-*/train")


def exported(models: Sequence[Mapping[str, Any]]) -> Renderables:
    """One row a level."""
    table = Table("level", "model", "golden vectors")
    for row in models:
        table.add_row(f"{row['sparsity']:.0%}", Text(row["model"]), Text(row["golden"]))
    return (table,)


def metrics(found: Metrics, board: Board, clock_mhz: float) -> Renderables:
    """Speed, then resources by rung, then what did not become hardware."""
    speed = Table.grid(padding=(0, 2))
    speed.add_row("board", Text(f"{board.name}, {board.part}, {clock_mhz:g} MHz"))
    speed.add_row("frames per second", number(found.fps))
    speed.add_row("cycles per frame", number(found.cycles_per_frame))
    speed.add_row("latency in cycles", number(found.latency_cycles))
    speed.add_row("fits", yes(found.fits))
    costs = Table("", *Resources.model_fields)
    for rung, used in found.resources.items():
        costs.add_row(rung, *(number(value) for value in dict(used).values()))
    for rung, used in found.shell.items():
        costs.add_row(f"shell, {rung}", *(number(value) for value in dict(used).values()))
    costs.add_row("the board has", *(number(value) for value in dict(board.resources).values()))
    costs.add_row("used", *(share(found.utilization.get(name)) for name in Resources.model_fields))
    return speed, costs, *_left(found)


def _left(found: Metrics) -> Renderables:
    """Say what did not become hardware, if anything."""
    table = Table("not hardware", "op", "why")
    for node in found.coverage.left if found.coverage else ():
        table.add_row(Text(node.node), Text(node.op), Text(node.why))
    return (table,) if table.row_count else ()


def simulated(found: Metrics, outputs: Path | None) -> Renderables:
    """Say what ran, whether it agrees, how fast it is, and what no backend ran."""
    grid = Table.grid(padding=(0, 2))
    run = found.simulation
    if run is not None:
        grid.add_row("backend", run.backend)
        grid.add_row("frames", number(run.frames))
        grid.add_row("frames that differ from the golden model", number(run.mismatches))
        grid.add_row("simulated cycles", number(run.cycles))
    grid.add_row("cycles per frame", number(found.cycles_per_frame))
    grid.add_row("latency in cycles", number(found.latency_cycles))
    grid.add_row("frames per second", number(found.fps))
    if outputs is not None:
        grid.add_row("outputs", Text(str(outputs)))
    return grid, *_stalls(run), *_left(found)


def _stalls(run: Simulation | None) -> Renderables:
    """One row a node: the share of the cycles in which it stood still."""
    if run is None or run.stalls is None or not run.cycles:
        return ()
    table = Table("node", title="Stood still", title_justify="left")
    for name in ("blocked by a reader", "starved by a writer"):
        table.add_column(name, justify="right")
    for node, stalls in run.stalls.items():
        shares = (stalls.blocked / run.cycles, stalls.starved / run.cycles)
        table.add_row(Text(node), *map(share, shares))
    return (table,)


def synthesized(found: Metrics) -> Renderables:
    """One row a node and stream, then their sum and the whole."""
    report = found.synthesis
    if report is None:
        return ()
    columns = ("LUT", "of them memory", "FF", "BRAM18", "URAM", "DSP", "carry", "levels", "ns")
    table = Table("node", "op", title=report.tool, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")

    def row(name: str, op: str, cells: SynthesizedCells, path: LogicPath | None) -> None:
        used = cells.resources
        counts = (used.LUT, cells.lut_memory, *(used.FF, used.BRAM18, used.URAM, used.DSP))
        speed = (UNKNOWN, UNKNOWN) if path is None else (f"{path.levels}", f"{path.ns:.1f}")
        table.add_row(Text(name), op, *map(number, counts), number(cells.carry), *speed)

    for part in (*report.nodes, *report.edges):
        row(part.name, part.op, part.cells, part.path)
    table.add_section()
    row("sum of the parts", "", report.parts, None)
    if report.whole:
        row("the whole, flattened", "", report.whole.cells, report.whole.path)
    if report.shell:
        row("shell", report.shell.op, report.shell.cells, report.shell.path)
    note = "LUTs as synthesized, before placement packs them; ns are estimates before routing."
    return table, Text(note, style="dim")


def boards(known: Sequence[Board]) -> Renderables:
    """One row a board."""
    table = Table("board", "part", "MHz", *Resources.model_fields)
    for board in known:
        totals = (number(value) for value in dict(board.resources).values())
        table.add_row(board.name, board.part, f"{board.clock_mhz:g}", *totals)
    return (table,)


def doctor(tools: Sequence[Tool], packages: Mapping[str, str | None]) -> Renderables:
    """One row a tool, and the versions that a bug report should name."""
    table = Table("tool", "version", "status", "what it is for", "how to get it")
    for tool in tools:
        needed = "" if tool.required else " (optional)"
        table.add_row(
            tool.name,
            escape(tool.version or UNKNOWN),
            f"[{_STATUS[tool.status]}]{tool.status}[/]",
            tool.purpose + needed,
            "" if tool.status == "ok" else tool.get,
        )
    return table, Text(", ".join(f"{name} {found or UNKNOWN}" for name, found in packages.items()))


def best(found: Metrics) -> tuple[Rung | None, Resources]:
    """Return the highest rung of the ladder that is known, and what it says."""
    for rung in reversed(get_args(Rung)):
        if rung in found.resources:
            return rung, found.resources[rung]
    return None, Resources()


def number(value: float | None) -> str:
    """Write a count or a rate."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def share(value: float | None) -> str:
    """Write a share in percent."""
    return UNKNOWN if value is None else f"{value:.1%}"


def yes(value: bool | None) -> str:
    """Write a truth value that may be unknown."""
    return {True: "yes", False: "no", None: UNKNOWN}[value]
