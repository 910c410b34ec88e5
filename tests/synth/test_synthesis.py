"""A stitched design: its parts, the whole, and what must hold between them."""

import json

import pytest
from support.dataflow import fork_net, linear_net

from hwsubnet import tools
from hwsubnet.artifacts import RtlDesign, SynthesisReport
from hwsubnet.boards import load_board
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.synth import synthesize

BOARDS = {"xc7": "Pynq-Z2", "xcup": "ZCU104"}


def agree(report: SynthesisReport) -> None:
    """Whole and parts: hard blocks equal, LUTs and flip-flops within 3 %."""
    whole, parts = report.whole.cells, report.parts
    for block in ("dsp", "bram18", "uram"):
        assert getattr(whole, block) == getattr(parts, block), block
    for soft in ("LUT", "FF"):
        assert getattr(parts.resources, soft) == pytest.approx(
            getattr(whole.resources, soft), rel=0.03
        ), soft


@pytest.fixture(scope="module")
def report(mlp, syntheses) -> SynthesisReport:
    family, folder = mlp
    return synthesize(folder, load_board(BOARDS[family]), cache=syntheses)


def test_the_parts_make_the_whole(report):
    agree(report)


def test_every_part_is_there(report, mlp):
    design = RtlDesign.load(mlp[1])
    assert [part.name for part in report.nodes] == list(design.modules)
    assert [part.name for part in report.edges] == [edge.tensor for edge in design.edges]
    assert {part.op for part in report.edges} == {"stream_edge"}
    assert report.family == mlp[0]
    assert report.tool.startswith("Yosys 0.")


def test_a_matrix_unit_has_its_multipliers_and_its_weights(report):
    matrix, thresholds = report.nodes
    # Four channels of 4-bit weights share a DSP, so PE 2 needs one for each of SIMD 4 inputs.
    assert (matrix.cells.dsp, thresholds.cells.dsp) == (4, 0)
    assert matrix.cells.lut_memory >= 4 * 2 * 4  # the queue behind the weights: an SRL a bit
    assert thresholds.cells.lut_memory == 2  # the queue behind the thresholds


def test_paths_lie_in_the_nodes_or_between_them(report):
    for part in (*report.nodes, *report.edges, report.whole):
        assert part.path.levels > 0
        assert 0.5 < part.path.ns < 20
        assert part.path.start != part.path.end
    slowest = max(part.path.ns for part in report.nodes)
    assert report.whole.path.ns > 0.8 * slowest


def test_a_repeat_runs_nothing_and_is_the_same(report, mlp, syntheses, monkeypatch, tmp_path):
    def run(*_: object, **__: object) -> str:
        raise AssertionError("Yosys was run")

    monkeypatch.setattr(tools, "run", run)
    again = synthesize(mlp[1], load_board(BOARDS[mlp[0]]), tmp_path, cache=syntheses)
    assert again == report == SynthesisReport.load(tmp_path)


def test_only_the_parts(report, mlp, syntheses):
    board = load_board(BOARDS[mlp[0]])
    parts = synthesize(mlp[1], board, whole=False, cache=syntheses)
    assert parts.whole is None
    assert parts.cells == report.parts
    assert json.loads(parts.model_dump_json())["whole"] is None


@pytest.mark.slow
@pytest.mark.parametrize("board_name", BOARDS.values())
@pytest.mark.parametrize("net", [linear_net, fork_net])
def test_convolutions_and_forks(net, board_name, syntheses, tmp_path):
    board = load_board(board_name)
    net().save(str(tmp_path / "folded.onnx"))
    out = tmp_path / "design"
    emit_rtl(tmp_path / "folded.onnx", out, part=board.part, clock_mhz=100, has_ultraram=True)
    agree(synthesize(out, board, cache=syntheses))
