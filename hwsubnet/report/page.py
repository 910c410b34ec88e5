"""``report.html``: one page that holds everything it needs."""

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

import hwsubnet
from hwsubnet.artifacts import Report
from hwsubnet.report import headline, layer_plots, plot, tables, tradeoff_plots
from hwsubnet.report.text import UNKNOWN, level_name, number, percent
from hwsubnet.report.values import RESOURCES, bottleneck, highest


def render(report: Report) -> str:
    r"""Return the page as HTML text; the same report gives the same text.

    Everything that comes from the report is escaped: by Jinja2 in HTML, by `plotly_text` in
    plots, and as ``\u003c`` in the JSON that carries the figures. A content security policy
    with the digests of the page's two scripts is the second fence: nothing else runs, and
    nothing is requested.
    """
    tradeoffs, stacks = tradeoff_plots.tradeoffs(report), layer_plots.resource_plots(report)
    channels, cycles = layer_plots.channels_plot(report), layer_plots.cycles_plot(report)
    scripts = (get_plotlyjs(), _source("report.js"))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            version=hwsubnet.__version__,
            names=[level_name(level.sparsity) for level in report.levels],
            tiles=headline.tiles(report),
            rows=headline.rows(report),
            unstructured=headline.unstructured(report),
            resources=RESOURCES,
            tradeoffs=tradeoffs,
            stacks=stacks,
            layer_legend=layer_plots.layer_legend(report),
            unplotted=layer_plots.unplotted_resources(report),
            channels=channels,
            widths=tables.widths_table(report),
            cycles=cycles,
            bottlenecks=[bottleneck(level) for level in report.levels],
            checks=tables.checks_table(report),
            coverage=tables.coverage_table(report),
            folding=[tables.folding_table(level) for level in report.levels],
            provenance=tables.provenance_table(report.provenance),
            figures=plot.as_json([*tradeoffs, *stacks, channels, cycles]),
            style=_source("report.css"),
            scripts=scripts,
            digests=[_digest(script) for script in scripts],
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hwsubnet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"level_name": level_name, "number": number, "percent": percent}
    environment.globals |= {"highest": highest, "UNKNOWN": UNKNOWN}
    return environment


def _source(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(script: str) -> str:
    """Return the name by which a content security policy allows exactly this script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
