import pytest
from support.rtl_readers import read_by_slang, read_by_verilator

from hwsubnet.emit.stitch import EDGE_LIBRARY
from hwsubnet.finn_adapter.staging import stage
from hwsubnet.resources import shipped

EDGE = "stream_edge.sv"
LEGAL = [
    {"IWIDTH": 8, "OWIDTH": 8, "DEPTH": 0},
    {"IWIDTH": 12, "OWIDTH": 8, "DEPTH": 5},
    {"IWIDTH": 3, "OWIDTH": 24, "DEPTH": 600},
]


def sources(folder):
    """The edge, and what it instantiates."""
    for path in EDGE_LIBRARY:
        (folder / path.rsplit("/", 1)[1]).write_text(stage(path))
    return [*sorted(folder.glob("*.sv")), shipped("hls") / "rtl" / EDGE]


@pytest.mark.parametrize("parameters", LEGAL, ids=str)
def test_lint_is_clean_with_and_without_monitor(parameters, tmp_path):
    files = sources(tmp_path)
    for monitor in ((), ("-DHWSUBNET_MONITOR",)):
        said = read_by_verilator(files, "stream_edge", parameters, "-Wall", *monitor)
        own = [line for line in said.splitlines() if line.startswith("%") and EDGE in line]
        assert own == []  # finn-rtllib's warnings are upstream's


def test_slang_reads_it(tmp_path):
    # The gauge is for simulation; its queue is no hardware.
    files = [path for path in sources(tmp_path) if "gauge" not in path.name]
    assert read_by_slang(files, "stream_edge", LEGAL[1]) == ""


def test_an_illegal_depth_is_refused(tmp_path):
    said = read_by_verilator(sources(tmp_path), "stream_edge", {"DEPTH": 1}, "-Wall")
    assert "DEPTH is 0 or at least 2" in said
