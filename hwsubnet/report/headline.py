"""What a reader looks for first: tiles, and one table with a column per level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwsubnet.artifacts import Level, Report
from hwsubnet.report.quality import Quality, quality, quantized
from hwsubnet.report.text import UNKNOWN, change, number, significant
from hwsubnet.report.values import RESOURCES, Known, Resource, comparable, highest, speed_rung

Format = Callable[[float | None], str]
Step = Callable[[float | None, float | None], str | None]


@dataclass(frozen=True)
class Tile:
    """One number at the first and at the last level, and the step between them."""

    title: str
    first: str
    last: str | None
    step: str | None
    rung: str | None


@dataclass(frozen=True)
class Cell:
    """One number of one level."""

    text: str
    step: str | None = None
    """Against the first level."""
    rung: str | None = None
    """Given where the levels of a row stand on different rungs."""


@dataclass(frozen=True)
class Row:
    """One number over all levels."""

    title: str
    note: str
    cells: tuple[Cell, ...]
    rung: str | None = None


def unstructured(report: Report) -> bool:
    """Whether single weights were pruned, which makes no accelerator smaller."""
    return any(level.zero_weights is not None for level in report.levels)


def tiles(report: Report) -> tuple[Tile, ...]:
    """Accuracy, speed, cost and size, from the first level to the last."""
    levels, measure = report.levels, quality(report)
    series = comparable(levels)
    costs = series.values if series else (None,) * len(levels)
    speed = speed_rung(levels)
    resource, rung = (series.resource, series.rung) if series else ("LUT", None)

    def tile(
        title: str, values: Sequence[float | None], text: Format, step: Step, rung: str | None
    ) -> Tile:
        first, last = values[0], values[-1]
        rung = None if first is None and last is None else rung
        if len(values) == 1 or (first is None and last is None):
            return Tile(title, text(first), None, None, rung)
        return Tile(title, text(first), text(last), step(first, last), rung)

    if not levels:
        return ()
    return (
        tile(
            f"{measure.name[0].upper()}{measure.name[1:]}, quantized",
            [quantized(v) for v in levels],
            measure.text,
            measure.step,
            None,
        ),
        tile("Frames per second", [v.fps for v in levels], significant, change, speed),
        tile(resource, costs, significant, change, rung),
        tile("Weights, Mbit", [v.weights_mbit for v in levels], significant, change, None),
    )


def rows(report: Report) -> tuple[Row, ...]:
    """Return the headline table: a row per number, a cell per level."""
    levels, clock = report.levels, f"{report.clock_mhz:g} MHz"
    measure = quality(report)
    speed = speed_rung(levels)

    def row(
        title: str,
        note: str,
        value: Callable[[Level], float | None],
        text: Format = number,
        step: Step = change,
        rung: str | None = None,
    ) -> Row:
        values = [value(level) for level in levels]
        cells = (Cell(text(v), step(values[0], v) if i else None) for i, v in enumerate(values))
        known = any(v is not None for v in values)
        return Row(title, note, tuple(cells), rung if known else None)

    return (
        row(
            f"{measure.name}, quantized",
            _tested_on(levels, measure),
            quantized,
            measure.exact,
            measure.step,
        ),
        row(
            f"{measure.name}, float",
            "the same network before quantization",
            lambda v: v.accuracy.float_ if v.accuracy else None,
            measure.exact,
            measure.step,
        ),
        row("frames per second", f"at {clock}", lambda v: v.fps, significant, rung=speed),
        row(
            "cycles per frame",
            "in steady state" if speed == "simulated" else "of the slowest node",
            lambda v: v.cycles_per_frame,
            rung=speed,
        ),
        row(
            "latency",
            "cycles from a frame's first input to its last output",
            lambda v: v.latency_cycles,
            rung=speed,
        ),
        row("multiply-accumulates", "per frame", lambda v: v.macs),
        row(
            "bit operations",
            "each of these as its weight's bits times its activation's",
            lambda v: v.bit_operations,
            significant,
        ),
        row("weights", "Mbit", lambda v: v.weights_mbit, significant),
        *(
            [row("weights set to 0", "they keep their place in hardware", lambda v: v.zero_weights)]
            if unstructured(report)
            else []
        ),
        row("activations", "Mbit, outputs of the weight layers", _activations, significant),
        row(
            "activations, as the paper counts",
            "Mbit, twice the outputs of weight layers and norms",
            lambda v: v.activations_mbit_paper,
            significant,
        ),
        row(
            "performance density",
            f"{measure.name} in percent per Mbit of weights and activations",
            lambda v: v.performance_density,
            significant,
        ),
        *(_resource_row(levels, resource) for resource in RESOURCES),
        *(_shell_row(levels, resource) for resource in ("LUT", "FF") if _have_shells(levels)),
        Row(
            "fits the board",
            "unknown if nothing known exceeds the part, but some resource is unknown",
            tuple(Cell({True: "yes", False: "no", None: UNKNOWN}[v.fits]) for v in levels),
        ),
    )


def _activations(level: Level) -> float | None:
    return level.activations_mbit


def _have_shells(levels: Sequence[Level]) -> bool:
    return any(level.shell for level in levels)


def _shell_row(levels: Sequence[Level], resource: Resource) -> Row:
    known = [highest(level.shell, resource) for level in levels]
    return _known_row(f"{resource}, shell", "between the accelerator and the DMA", known)


def _resource_row(levels: Sequence[Level], resource: Resource) -> Row:
    known = [highest(level.resources, resource) for level in levels]
    return _known_row(resource, "whole accelerator", known)


def _known_row(title: str, note: str, known: Sequence[Known | None]) -> Row:
    rungs = dict.fromkeys(k.rung for k in known if k)
    first = known[0] if known else None
    cells = []
    for index, k in enumerate(known):
        same = index > 0 and k is not None and first is not None and k.rung == first.rung
        cells.append(
            Cell(
                significant(k.value if k else None),
                change(first.value, k.value) if same and k and first else None,
                k.rung if k and len(rungs) > 1 else None,
            )
        )
    rung = next(iter(rungs), None) if len(rungs) == 1 else None
    return Row(title, note, tuple(cells), rung)


def _tested_on(levels: Sequence[Level], measure: Quality) -> str:
    sets = dict.fromkeys(
        f"{number(v.accuracy.images)} {v.accuracy.split} images" for v in levels if v.accuracy
    )
    return f"{measure.note}, on " + " or ".join(sets) if sets else measure.note
