"""Opens the page in a real browser, through the script that takes the README's picture."""

import re
import runpy
from pathlib import Path

import pytest

from hwsubnet.report import write_report
from hwsubnet.tools import find_tool

SCRIPT = Path(__file__).parents[2] / "docs" / "screenshot.py"
HOSTILE = """<img src=x onerror="document.title='owned'"><a href="javascript:1">c</a>&amp;%{x}"""

pytestmark = pytest.mark.skipif(
    find_tool("chromium").status != "ok",
    reason="no Chromium, so no browser opened the report (apt-get install chromium)",
)
browser = runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def dom(tmp_path_factory, synthetic) -> str:
    folder = tmp_path_factory.mktemp("report")
    write_report(synthetic(layers=(HOSTILE, "conv1", "linear")), folder)
    return _open(folder / "report.html")


def _open(page: Path) -> str:
    """Return the DOM after the page's scripts ran, without their sources."""
    text = browser["browse"](page, "--dump-dom")
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_every_plot_is_drawn(dom):
    assert re.search(r'<html[^>]*data-plots="7"', dom)
    assert dom.count('class="js-plotly-plot"') + dom.count("plot js-plotly-plot") == 7
    assert len(re.findall(r'<path class="point"|class="points"', dom)) >= 7


def test_no_script_failed(dom):
    assert "data-error" not in dom.split("<head>")[0]
    assert not re.search(r"CONSOLE.*(Error|Refused|violates)", dom)


def test_a_page_that_cannot_draw_says_so(synthetic, tmp_path):
    write_report(synthetic(), tmp_path)
    page = tmp_path / "report.html"
    page.write_text(page.read_text().replace('id="figures">{', 'id="figures">{{'))
    dom = _open(page)
    assert "data-error" in dom.split("<head>")[0]
    assert re.search(r"CONSOLE.*Error", dom)
    assert re.search(r'<p id="broken" role="alert">', dom)


def test_nothing_is_requested_by_the_running_page(dom):
    assert dom.count("<svg") >= 7
    assert not re.search(r'\b(src|href)="?(https?:)?//', dom)


def test_plots_draw_hostile_names_as_text(dom):
    assert "owned" not in re.findall(r"<title>(.*?)</title>", dom)[0]
    drawn = dom.split('id="channels"')[1].split("<details>")[0]
    assert "&lt;img src" in drawn
    assert not re.search(r"<(img|a)\b[^>]*(onerror|javascript)", drawn)


def test_the_picture_has_the_asked_size(synthetic, tmp_path):
    write_report(synthetic(), tmp_path)
    picture = tmp_path / "images" / "report.png"
    browser["photograph"](tmp_path / "report.html", picture, width=1280, height=1000, dark=True)
    header = picture.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (2560, 2000)
