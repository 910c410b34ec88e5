"""The plots of the page: plotly figures, each with its legend, its caption and its numbers.

Text from a model goes through `plotly_text`; hover texts are built here and handed over as
finished ``hovertext``, so that no name ever stands in a plotly template. Text and grid take their
colours from the page's style sheet, which knows the light and the dark scheme.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from hwsubnet.artifacts import Report, Rung
from hwsubnet.report.colors import layer_colors, level_colors
from hwsubnet.report.headline import accuracy
from hwsubnet.report.tables import Table
from hwsubnet.report.text import (
    UNKNOWN,
    level_name,
    number,
    percent,
    plotly_text,
    shorten,
    significant,
)
from hwsubnet.report.values import (
    RESOURCES,
    Resource,
    best_node_rung,
    comparable,
    layer_cycles,
    layer_use,
    layers,
)


@dataclass(frozen=True)
class Legend:
    """One swatch of a plot's key."""

    label: str
    color: str


@dataclass(frozen=True)
class Plot:
    """A figure and all that a reader needs around it."""

    id: str
    title: str
    caption: str
    """What is shown, and where the numbers come from."""
    figure: go.Figure | None
    """``None`` if nothing of it is known; the caption then says so."""
    table: Table
    rung: str | None = None
    legend: tuple[Legend, ...] = ()
    min_width: int = 0
    """Pixels below which the plot scrolls instead of shrinking."""
    notes: tuple[str, ...] = field(default=())
    """What is missing from the plot."""


def tradeoffs(report: Report) -> tuple[Plot, Plot]:
    """Accuracy against what it costs, and against how fast it runs."""
    return _accuracy_by_resource(report), _accuracy_by_fps(report)


def _accuracy_by_resource(report: Report) -> Plot:
    series = comparable(report.levels)
    resource = series.resource if series else "LUT"
    rung = series.rung if series else None
    values = series.values if series else (None,) * len(report.levels)
    notes: tuple[str, ...] = ()
    if series and resource != "LUT":
        notes = (f"LUT is unknown at these levels, so the plot shows {resource}.",)
    return _accuracy_plot(
        report,
        values,
        id="accuracy-resource",
        title=f"Accuracy against {resource}",
        axis=f"{resource} ({rung}); further left is cheaper",
        column=f"{resource} ({rung or UNKNOWN})",
        caption=f"Further up is more accurate, further left is cheaper. {resource} is the sum over "
        "the whole accelerator.",
        rung=rung,
        notes=notes,
    )


def _accuracy_by_fps(report: Report) -> Plot:
    return _accuracy_plot(
        report,
        tuple(level.fps for level in report.levels),
        id="accuracy-fps",
        title="Accuracy against speed",
        axis="frames per second (analytical); further right is faster",
        column="frames per second (analytical)",
        caption="Further up is more accurate, further right is faster. Frames per second are the "
        f"clock, {report.clock_mhz:g} MHz, divided by the cycles of the slowest node.",
        rung="analytical",
        notes=(),
    )


def _accuracy_plot(
    report: Report,
    values: Sequence[float | None],
    *,
    id: str,
    title: str,
    axis: str,
    column: str,
    caption: str,
    rung: str | None,
    notes: tuple[str, ...],
) -> Plot:
    names = _level_names(report)
    accuracies = [accuracy(level) for level in report.levels]
    colors = level_colors([level.sparsity for level in report.levels])
    points = [
        (name, x, y, color)
        for name, x, y, color in zip(names, values, accuracies, colors, strict=True)
        if x is not None and y is not None
    ]
    missing = [name for name in names if name not in {point[0] for point in points}]
    if points and missing:
        notes += (f"Not shown, because unknown: {', '.join(missing)}.",)
    table = Table(
        ("sparsity", column, "accuracy, quantized"),
        tuple(
            (name, significant(x), percent(y, 2))
            for name, x, y in zip(names, values, accuracies, strict=True)
        ),
    )
    if not points:
        what = "accuracy" if any(x is not None for x in values) else column.split(" (")[0]
        reason = f"Nothing to draw yet: {what} is unknown at every level."
        return Plot(id, title, reason, None, table)
    labels, xs, ys, marks = zip(*points, strict=True)
    labelled = _uncrowded(xs, ys)
    figure = go.Figure(
        go.Scatter(
            x=xs,
            y=[100 * y for y in ys],
            text=[name if shown else "" for name, shown in zip(labels, labelled, strict=True)],
            mode="lines+markers+text",
            textposition="top center",
            textfont={"size": 13},
            line={"color": "#8b95a3", "width": 1.5, "dash": "dot"},
            marker={"size": 15, "color": marks, "opacity": 1},
            hovertext=[
                f"<b>{name} sparsity</b><br>{percent(y, 2)} accuracy<br>{significant(x)} "
                f"{axis.split(' (')[0]}"
                for name, x, y, _ in points
            ],
            hoverinfo="text",
            cliponaxis=False,
        )
    )
    low, high = 100 * min(ys), 100 * max(ys)
    margin = max(0.25 * (high - low), 0.5)
    figure.update_yaxes(
        title="accuracy, quantized (%)", range=[low - margin, high + margin], tickformat="~r"
    )
    figure.update_xaxes(
        title=axis, range=[0, 1.12 * max(xs) or 1], tickformat="~s", showgrid=True, nticks=7
    )
    return Plot(
        id,
        title,
        caption,
        _styled(figure, 380),
        table,
        rung,
        legend=() if all(labelled) else _level_legend(report),
        notes=notes,
    )


def _uncrowded(xs: Sequence[float], ys: Sequence[float]) -> list[bool]:
    """Choose the points that get a label: those clear of every point labelled before them."""
    wide, high = max(xs) or 1, (max(ys) - min(ys)) or 1
    shown: list[tuple[float, float]] = []
    chosen = []
    for x, y in zip(xs, ys, strict=True):
        place = (x / wide, y / high)
        free = all(abs(place[0] - a) > 0.1 or abs(place[1] - b) > 0.09 for a, b in shown)
        chosen.append(free)
        shown += [place] if free else []
    return chosen


def resource_plots(report: Report) -> tuple[Plot, ...]:
    """One plot per resource of which anything is known: levels side by side, layers stacked."""
    return tuple(
        _stack(report, resource, rung)
        for resource in RESOURCES
        if (rung := best_node_rung(report.levels, resource)) is not None
        and _total(report, resource, rung) > 0
    )


def unplotted_resources(report: Report) -> tuple[str, ...]:
    """Say which resources have no plot by layer, and why."""
    if not layers(report.levels):
        return ("No level has an estimate by node yet.",)
    notes = []
    for resource in RESOURCES:
        rung = best_node_rung(report.levels, resource)
        if rung is None:
            notes.append(f"{resource}: unknown for every node at every rung that ran.")
        elif _total(report, resource, rung) == 0:
            notes.append(f"{resource}: 0 at every level ({rung}).")
    return tuple(notes)


def _total(report: Report, resource: Resource, rung: Rung) -> float:
    names = layers(report.levels)
    uses = [layer_use(level, name, rung, resource) for level in report.levels for name in names]
    return sum(use.value or 0 for use in uses)


def _stack(report: Report, resource: Resource, rung: Rung) -> Plot:
    names, levels = layers(report.levels), _level_names(report)
    uses = {
        name: [layer_use(level, name, rung, resource) for level in report.levels] for name in names
    }
    figure = go.Figure(
        [
            go.Bar(
                x=levels,
                y=[use.value for use in uses[name]],
                marker={"color": color, "line": {"width": 0.7 if len(names) <= 24 else 0}},
                hovertext=[
                    f"<b>{plotly_text(shorten(name, 60))}</b><br>{significant(use.value)} "
                    f"{resource} at {level}"
                    for use, level in zip(uses[name], levels, strict=True)
                ],
                hoverinfo="text",
            )
            for name, color in zip(names, layer_colors(len(names)), strict=True)
        ]
    )
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(title="sparsity", type="category")
    figure.update_yaxes(title=f"{resource} ({rung})", rangemode="tozero", tickformat="~s")
    unknown = [
        sum(uses[name][i].unknown_nodes for name in names) for i in range(len(report.levels))
    ]
    known_sums = [
        sum(uses[name][i].value or 0 for name in names) for i in range(len(report.levels))
    ]
    notes = []
    if any(unknown):
        nodes = max(len(level.nodes) for level in report.levels)
        notes.append(
            f"The bars are a lower bound: up to {max(unknown)} of {nodes} nodes have no "
            f"{resource} model at this rung and are left out."
        )
    table = Table(
        ("layer", *levels),
        (
            *((name, *(significant(use.value) for use in uses[name])) for name in names),
            ("sum of what is known", *(significant(value) for value in known_sums)),
            ("nodes without a model", *(number(value) for value in unknown)),
        ),
    )
    return Plot(
        f"layers-{resource.lower()}",
        f"{resource} by layer",
        "Stacked from the network's input (bottom) to its output.",
        _styled(figure, 330),
        table,
        rung,
        min_width=70 + 26 * len(levels),
        notes=tuple(notes),
    )


def layer_legend(report: Report) -> tuple[Legend, ...]:
    """Key of the stacked plots, from the network's input to its output."""
    names = layers(report.levels)
    return tuple(map(Legend, names, layer_colors(len(names))))


def channels_plot(report: Report) -> Plot:
    """Output channels that remain, by layer; the outline is the dense width."""
    names = tuple(dict.fromkeys(name for level in report.levels for name in (level.channels or {})))
    levels = _level_names(report)
    kept = [[(level.channels or {}).get(name) for name in names] for level in report.levels]
    table = Table(
        ("layer", *levels),
        tuple(
            (name, *(f"{k.kept:,} of {k.of:,}" if k else UNKNOWN for k in column))
            for name, column in zip(names, zip(*kept, strict=True), strict=True)
        ),
    )
    title = "Channels kept per layer"
    if not names:
        reason = "Nothing to draw yet: the channels are unknown at every level."
        return Plot("channels", title, reason, None, table)
    figure = go.Figure(
        go.Bar(
            x=list(range(len(names))),
            y=[max(k.of for k in column if k) for column in zip(*kept, strict=True)],
            width=0.86,
            marker={"color": "rgba(128,138,150,0.18)", "line": {"width": 0}},
            hoverinfo="skip",
        )
    )
    texts = [
        [
            f"<b>{plotly_text(shorten(name, 60))}</b><br>"
            + (f"{k.kept:,} of {k.of:,} channels at {level}" if k else f"{UNKNOWN} at {level}")
            for name, k in zip(names, row, strict=True)
        ]
        for row, level in zip(kept, levels, strict=True)
    ]
    _add_groups(figure, report, [[k.kept if k else None for k in row] for row in kept], texts)
    _name_layers(figure, names)
    figure.update_yaxes(title="output channels", rangemode="tozero", tickformat="~s")
    return Plot(
        "channels",
        title,
        "Output channels that remain after pruning; the pale block behind a layer's bars is its "
        "dense width. Channels that a residual add, a concat or a depthwise layer ties together "
        "are kept or removed together. The network's own outputs are never pruned.",
        _styled(figure, 380),
        table,
        legend=_level_legend(report),
        min_width=_group_width(names, levels),
    )


def cycles_plot(report: Report) -> Plot:
    """Cycles per frame by layer; each level's slowest layer is drawn solid."""
    names, levels = layers(report.levels), _level_names(report)
    cycles = [[layer_cycles(level, name) for name in names] for level in report.levels]
    table = Table(
        ("layer", *levels),
        tuple(
            (name, *map(number, column))
            for name, column in zip(names, zip(*cycles, strict=True), strict=True)
        ),
    )
    title = "Cycles per layer"
    if not names:
        reason = "Nothing to draw yet: no level has an estimate by node."
        return Plot("cycles", title, reason, None, table)
    slowest = [max((c for c in row if c is not None), default=None) for row in cycles]
    texts = [
        [
            f"<b>{plotly_text(shorten(name, 60))}</b><br>{number(c)} cycles per frame at {level}"
            + ("<br>the bottleneck" if c is not None and c == top else "")
            for name, c in zip(names, row, strict=True)
        ]
        for row, level, top in zip(cycles, levels, slowest, strict=True)
    ]
    solid = [
        [1.0 if c is not None and c == top else 0.36 for c in row]
        for row, top in zip(cycles, slowest, strict=True)
    ]
    figure = go.Figure()
    _add_groups(figure, report, cycles, texts, solid)
    _name_layers(figure, names)
    figure.update_yaxes(title="cycles per frame (analytical)", rangemode="tozero", tickformat="~s")
    return Plot(
        "cycles",
        title,
        "Cycles that a layer's slowest node takes for one frame. The layers work side by side, so "
        "the slowest one, drawn solid, sets the frame rate; the others wait for it.",
        _styled(figure, 380),
        table,
        "analytical",
        legend=_level_legend(report),
        min_width=_group_width(names, levels),
    )


def _add_groups(
    figure: go.Figure,
    report: Report,
    values: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str]],
    opacity: Sequence[Sequence[float]] | None = None,
) -> None:
    """Add bars side by side, one per level, around each layer's place 0, 1, 2, ..."""
    count = len(report.levels)
    width = 0.86 / count
    colors = level_colors([level.sparsity for level in report.levels])
    for i, (row, text, color) in enumerate(zip(values, texts, colors, strict=True)):
        figure.add_bar(
            x=[place - 0.43 + (i + 0.5) * width for place in range(len(row))],
            y=list(row),
            width=0.88 * width,
            marker={"color": color, "opacity": opacity[i] if opacity else 1, "line": {"width": 0}},
            hovertext=list(text),
            hoverinfo="text",
        )
    figure.update_layout(barmode="overlay")


def _name_layers(figure: go.Figure, names: Sequence[str]) -> None:
    figure.update_xaxes(
        type="linear",
        range=[-0.55, len(names) - 0.45],
        tickvals=list(range(len(names))),
        ticktext=[plotly_text(shorten(name, 20)) for name in names],
    )


def _group_width(names: Sequence[str], levels: Sequence[str]) -> int:
    return 90 + len(names) * max(20, 5 * len(levels))


def _level_names(report: Report) -> tuple[str, ...]:
    return tuple(level_name(level.sparsity) for level in report.levels)


def _level_legend(report: Report) -> tuple[Legend, ...]:
    colors = level_colors([level.sparsity for level in report.levels])
    return tuple(map(Legend, _level_names(report), colors))


def _styled(figure: go.Figure, height: int) -> go.Figure:
    axis: dict[str, Any] = {
        "fixedrange": True,
        "automargin": True,
        "ticklabelstandoff": 4,
        "title": {"font": {"size": 13}},
    }
    figure.update_layout(
        template="none",
        height=height,
        autosize=True,
        showlegend=False,
        margin={"l": 8, "r": 12, "t": 20, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#8b95a3", "activecolor": "#2f78d6"},
        font={"family": FONT, "size": 13, "color": "#1c2530"},
        hoverlabel={"bgcolor": "#1c2530", "bordercolor": "#1c2530", "font": {"color": "#ffffff"}},
        dragmode=False,
    )
    figure.update_xaxes(axis | {"showgrid": figure.layout.xaxis.showgrid or False})
    figure.update_yaxes(axis | {"gridcolor": "#d8dde4", "zeroline": False})
    figure.update_xaxes(gridcolor="#d8dde4", zeroline=False, linecolor="#8b95a3", showline=True)
    return figure


FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'


def as_json(plots: Iterable[Plot]) -> dict[str, Any]:
    """Return the figures that can be drawn, by id, as plotly.js takes them."""
    return {plot.id: plot.figure.to_plotly_json() for plot in plots if plot.figure is not None}
