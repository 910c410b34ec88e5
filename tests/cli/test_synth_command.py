"""``hwsubnet synth``: one level record whose highest rung is synthesis."""

import json
from pathlib import Path

import pytest
from support.quantized_networks import exported
from typer.testing import CliRunner

from hwsubnet.artifacts import Metrics
from hwsubnet.cli import app
from hwsubnet.errors import BoardError, DoesNotFit, FoldingError, ToolError


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("synth")


@pytest.fixture(autouse=True)
def _own_cache(folder, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


def synth(*options: str):
    run = CliRunner().invoke(app, ["synth", str(exported("mlp")), *options])
    if run.exception and not isinstance(run.exception, SystemExit):
        raise run.exception
    return run


@pytest.mark.slow
def test_a_model_is_synthesized(folder):
    options = ("--board", "Pynq-Z2", "--fps", "1000")
    run = synth(*options, "--json")
    assert run.exit_code == 0
    document = json.loads(run.stdout)
    found = Metrics.model_validate(document)
    used = found.resources["synthesized"]
    assert found.fits is True
    shell = found.shell["synthesized"]
    assert shell == found.synthesis.shell.cells.resources
    assert 0 < shell.LUT < 2000
    assert found.utilization["LUT"] == (used.LUT + shell.LUT) / 53200
    assert used.BRAM18 + used.LUT > 0
    report = found.synthesis
    assert used == report.whole.cells.resources
    named = {node.node: node for node in found.nodes}
    assert set(named) == {part.name for part in (*report.nodes, *report.edges)}
    for part in (*report.nodes, *report.edges):
        node = named[part.name]
        assert node.resources["synthesized"] == part.cells.resources
        assert node.cycles > 0
    assert {node.layer for node in found.nodes if node.op == "stream_edge"} <= {
        node.layer for node in found.nodes if node.op != "stream_edge"
    }
    # A person sees the same, from the cache, at once.
    shown = synth(*options).stdout
    assert "the whole, flattened" in shown
    assert "shell, synthesized" in shown
    assert f"{used.FF:,.0f}" in shown


def test_a_board_without_enough_luts_is_refused_before_anything_is_built(folder):
    tight = (Path("boards") / "Pynq-Z2.yaml").read_text().replace("LUT: 53200", "LUT: 100")
    (folder / "tight.yaml").write_text(tight)
    with pytest.raises(DoesNotFit, match="LUT"):
        synth("--board", str(folder / "tight.yaml"), "--fps", "1000", "--parts", "--json")


def test_a_part_of_no_known_family(folder):
    text = (Path("boards") / "Pynq-Z2.yaml").read_text().replace("family: xc7", "family: versal")
    (folder / "strange.yaml").write_text(text)
    with pytest.raises(BoardError, match=r"strange\.yaml: family: .*'xc7' or 'xcup'"):
        synth("--board", str(folder / "strange.yaml"))


def test_a_folding_of_unknown_nodes(folder):
    file = folder / "folding.json"
    file.write_text(json.dumps({"MVAU_rtl_77": {"PE": 2, "SIMD": 2}}))
    with pytest.raises(FoldingError, match=r"unknown node \('MVAU_rtl_77'\); the graph has "):
        synth("--board", "Pynq-Z2", "--folding", str(file))


def test_without_yosys(monkeypatch):
    from hwsubnet import tools

    missing = tools.find_tool("yosys").model_copy(update={"status": "missing"})
    found = tools.find_tool
    monkeypatch.setattr(
        tools,
        "find_tool",
        lambda name, program=None: missing if name == "yosys" else found(name, program),
    )
    with pytest.raises(ToolError, match=r"^yosys is not installed .*; pip install pyosys"):
        synth("--board", "Pynq-Z2")
