"""A plot of the page: a plotly figure with its key, its caption and its numbers.

Text from a model goes through `plotly_text`; hover texts are built in full and handed over as
``hovertext``, so that no name ever stands in a plotly template. Text and grid take their colours
from the page's style sheet, which knows the light and the dark scheme.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from hwsubnet.artifacts import Report
from hwsubnet.report.colors import level_colors
from hwsubnet.report.tables import Table
from hwsubnet.report.text import level_name

FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
"""The same as in the style sheet: plotly measures texts with it."""


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
    notes: tuple[str, ...] = ()
    """What is missing from the plot."""


def level_names(report: Report) -> tuple[str, ...]:
    """Names of the report's levels, in order."""
    return tuple(level_name(level.sparsity) for level in report.levels)


def level_legend(report: Report) -> tuple[Legend, ...]:
    """Key of a plot whose colours are levels."""
    colors = level_colors([level.sparsity for level in report.levels])
    return tuple(map(Legend, level_names(report), colors))


def styled(figure: go.Figure, height: int) -> go.Figure:
    """Give a figure the page's look and `height` pixels."""
    axis: dict[str, Any] = {
        "fixedrange": True,
        "automargin": True,
        "ticklabelstandoff": 4,
        "title": {"font": {"size": 13}, "standoff": 14},
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


def as_json(plots: Iterable[Plot]) -> dict[str, Any]:
    """Return the figures that can be drawn, by id, as plotly.js takes them."""
    return {plot.id: plot.figure.to_plotly_json() for plot in plots if plot.figure is not None}
