"""Layer by layer: resources, channels and cycles, at every level."""

from collections.abc import Sequence

import plotly.graph_objects as go

from hwsubnet.artifacts import Report, Rung
from hwsubnet.report.colors import layer_colors, level_colors
from hwsubnet.report.plot import Legend, Plot, level_legend, level_names, styled
from hwsubnet.report.tables import Table
from hwsubnet.report.text import UNKNOWN, number, plotly_text, shorten, significant
from hwsubnet.report.values import (
    RESOURCES,
    Resource,
    best_node_rung,
    layer_cycles,
    layer_use,
    layers,
)


def resource_plots(report: Report) -> tuple[Plot, ...]:
    """One plot per resource of which anything is known: levels side by side, layers stacked."""
    return tuple(
        _stack(report, resource, rung)
        for resource in RESOURCES
        if (rung := best_node_rung(report.levels, resource)) is not None
        and _total(report, resource, rung) > 0
    )


def layer_legend(report: Report) -> tuple[Legend, ...]:
    """Key of the stacked plots, from the network's input to its output."""
    names = layers(report.levels)
    return tuple(map(Legend, names, layer_colors(len(names))))


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


def channels_plot(report: Report) -> Plot:
    """Output channels that remain, by layer; the outline is the dense width."""
    names = tuple(dict.fromkeys(name for level in report.levels for name in (level.channels or {})))
    levels = level_names(report)
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
        styled(figure, 380),
        table,
        legend=level_legend(report),
        min_width=_group_width(names, levels),
    )


def cycles_plot(report: Report) -> Plot:
    """Cycles per frame by layer; each level's slowest layer is drawn solid."""
    names, levels = layers(report.levels), level_names(report)
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
        styled(figure, 380),
        table,
        "analytical",
        legend=level_legend(report),
        min_width=_group_width(names, levels),
    )


def _stack(report: Report, resource: Resource, rung: Rung) -> Plot:
    names, levels = layers(report.levels), level_names(report)
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
        styled(figure, 330),
        table,
        rung,
        min_width=70 + 26 * len(levels),
        notes=tuple(notes),
    )


def _total(report: Report, resource: Resource, rung: Rung) -> float:
    names = layers(report.levels)
    uses = [layer_use(level, name, rung, resource) for level in report.levels for name in names]
    return sum(use.value or 0 for use in uses)


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
