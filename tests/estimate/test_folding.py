"""Every folding that is found or asked for is legal; the others are refused by their rule."""

import json
from itertools import pairwise

import numpy as np
import onnx
import pytest
from hypothesis import given, strategies as st
from support.quantized_networks import exported, lowered_network

from hwsubnet import cli
from hwsubnet.artifacts import Estimate
from hwsubnet.boards import load_board
from hwsubnet.errors import BadInput, DoesNotFit, FoldingError
from hwsubnet.estimate import estimate, read_folding
from hwsubnet.estimate.estimating import prices
from hwsubnet.estimate.legality import check_folding, divisors, limits
from hwsubnet.estimate.options import apply, units
from hwsubnet.estimate.request import given_foldings
from hwsubnet.estimate.search import PRECISION, Search
from hwsubnet.finn_adapter.hardware import hardware_nodes

BOARD = load_board("Pynq-Z2")
NETWORKS = ["mlp", "cnn", "resnet", "depthwise", "unet", "decoder"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lowered")


def nodes_of(name, folder):
    lowered, out, _ = lowered_network(name, folder)
    return lowered, out, hardware_nodes(onnx.load(out / lowered.dataflow.path))


@given(st.integers(1, 5000))
def test_divisors(number):
    assert divisors(number) == [d for d in range(1, number + 1) if number % d == 0]


def no_cost(node, foldings):
    return np.zeros((len(foldings), 5))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_option_is_legal_and_as_wide_as_finn_says(name, folder):
    _, _, nodes = nodes_of(name, folder)
    for unit in units(nodes):
        options = unit.options(no_cost)
        assert options.foldings
        for index in range(0, len(options.foldings), max(1, len(options.foldings) // 12)):
            for node, folding in zip(unit.nodes, options.foldings[index], strict=True):
                node.implement(node.name.rsplit("_", 1)[0])  # as it was lowered
                check_folding(node, folding)
                apply([node], [folding])
            assert tuple(options.inputs[index]) == unit.nodes[0].input_bits()
            assert tuple(options.outputs[index]) == unit.nodes[-1].output_bits()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_belongs_to_one_unit(name, folder):
    _, _, nodes = nodes_of(name, folder)
    grouped = [node.name for unit in units(nodes) for node in unit.nodes]
    assert sorted(grouped) == sorted(node.name for node in nodes)
    assert all(limits(node) for node in nodes), "a kind of node without a rule would never unfold"


@pytest.mark.parametrize("name", NETWORKS)
def test_no_node_is_slower_than_the_target(name, folder, tmp_path):
    lowered, out, _ = nodes_of(name, folder)
    for fps in (500, 5000, 20000):
        result = estimate(lowered, out, BOARD, tmp_path, fps=fps)
        assert result.fps >= fps
        assert result.cycles_per_frame == max(node.cycles for node in result.nodes)


@pytest.mark.parametrize(
    ("fps", "asked"),
    [(5e6, "20 are"), (1e8, "one is"), (1.5e8, "less than one is"), (1e9, "less than one is")],
)
def test_unreachable_target_names_the_node(folder, tmp_path, fps, asked):
    lowered, out, _ = nodes_of("cnn", folder)
    told = rf"^\w+_\d: takes \d+ cycles per frame even when fully parallel, and {asked} asked for; "
    with pytest.raises(DoesNotFit, match=told):
        estimate(lowered, out, BOARD, tmp_path, fps=fps)
    assert not list(tmp_path.iterdir())


def test_the_command_says_no_with_exit_code_1(capfd, monkeypatch):
    model = str(exported("mlp"))
    monkeypatch.setattr("sys.argv", ["hwsubnet", "estimate", model, "--fps", "1e9"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "and less than one is asked for; ask for fewer frames per second" in err.splitlines()[-1]


def test_the_command_refuses_ultraram_that_the_part_lacks(tmp_path, capfd, monkeypatch):
    wanted = tmp_path / "folding.json"
    wanted.write_text(json.dumps({"ConvolutionInputGenerator_rtl_0": {"ram_style": "ultra"}}))
    model = str(exported("cnn"))
    arguments = ["estimate", model, "--board", "Pynq-Z2", "--folding", str(wanted)]
    monkeypatch.setattr("sys.argv", ["hwsubnet", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "ConvolutionInputGenerator_rtl_0: ram_style = ultra needs UltraRAM" in err


def test_own_folding(folder, tmp_path):
    lowered, out, _ = nodes_of("cnn", folder)
    wanted = {"MVAU_rtl_0": {"PE": 3, "SIMD": 3}, "Pool_rtl_0": {"PE": 2}}
    path = tmp_path / "folding.json"
    path.write_text(json.dumps(wanted))
    result = estimate(lowered, out, BOARD, tmp_path / "out", folding=read_folding(path))
    assert Estimate.load(tmp_path / "out") == result
    by_node = {folding.node: folding for folding in result.folding}
    assert (by_node["MVAU_rtl_0"].PE, by_node["MVAU_rtl_0"].SIMD) == (3, 3)
    assert by_node["Pool_rtl_0"].PE == 2
    window = {node.node: node.op for node in result.nodes}
    index = list(window).index("Pool_rtl_0") - 1
    assert by_node[list(window)[index]].SIMD == 2, "the window follows the pool that reads it"
    named = max(node.cycles for node in result.nodes if node.node in wanted)
    assert result.cycles_per_frame == max(
        named, *(node.cycles for node in result.nodes if node.op.startswith("Conv"))
    )


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"MVAU_rtl_0": {"PE": 4}}, "MVAU_rtl_0: PE = 4 does not divide MH = 6; choose one of 1"),
        ({"MVAU_rtl_0": {"SIMD": 0}}, "SIMD = 0 does not divide MW = 9"),
        ({"Thresholding_rtl_0": {"SIMD": 2}}, "has no SIMD; Thresholding_rtl takes PE"),
        ({"MVAU_rtl_9": {"PE": 1}, "x": {}}, "names 2 unknown nodes .'MVAU_rtl_9', 'x'"),
        (
            {"Pool_rtl_0": {"PE": 2}, "ConvolutionInputGenerator_rtl_1": {"SIMD": 3}},
            "ConvolutionInputGenerator_rtl_1: SIMD = 3 differs from PE = 2 of Pool_rtl_0",
        ),
    ],
)
def test_illegal_foldings(folder, tmp_path, wanted, message):
    lowered, out, _ = nodes_of("cnn", folder)
    with pytest.raises(FoldingError, match=message):
        estimate(lowered, out, BOARD, tmp_path, folding=wanted)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must be a mapping of nodes; write it like"),
        ('{"MVAU_rtl_0": 4}', "MVAU_rtl_0: must be a mapping of parameters; write it"),
        ('{"MVAU_rtl_0": {"PE": 2.5}}', "PE must be a whole number or a word, not 2.5"),
        ('{"MVAU_rtl_0": {"PE": true}}', "PE must be a whole number or a word, not True"),
    ],
)
def test_malformed_folding_files(tmp_path, text, message):
    path = tmp_path / "folding.json"
    path.write_text(text)
    with pytest.raises(FoldingError, match=message):
        read_folding(path)


def test_target_and_folding_exclude_each_other(folder, tmp_path):
    lowered, out, _ = nodes_of("cnn", folder)
    with pytest.raises(BadInput, match="exclude each other"):
        estimate(lowered, out, BOARD, tmp_path, fps=100, folding={})


def test_unknown_resources_stay_unknown(folder, tmp_path):
    """FINN's zeros for what it has no formula of do not reach the report."""
    lowered, out, _ = nodes_of("cnn", folder)
    result = estimate(lowered, out, BOARD, tmp_path, folding={"MVAU_rtl_0": {"resType": "dsp"}})
    by_op = {node.op: node.resources["analytical"] for node in result.nodes}
    assert by_op["MVAU_rtl"].LUT is None
    assert by_op["MVAU_rtl"].DSP > 0
    assert by_op["FMPadding_rtl"].LUT is None
    assert by_op["FMPadding_rtl"].DSP == 0
    total = result.resources["analytical"]
    assert total.LUT is None
    assert total.FF is None
    assert sum(node.resources["analytical"].DSP for node in result.nodes) == total.DSP


def test_calibrated_totals_hold_the_streams_and_decide(folder, tmp_path):
    lowered, out, _ = nodes_of("cnn", folder)
    result = estimate(lowered, out, BOARD, tmp_path)
    total = result.resources["calibrated"]
    nodes = [node.resources["calibrated"] for node in result.nodes]
    assert sum(node.DSP for node in nodes) == total.DSP
    assert sum(node.LUT for node in nodes) < total.LUT
    assert result.utilization["LUT"] == total.LUT / BOARD.resources.LUT
    assert result.fits is True


def test_clock(folder, tmp_path):
    lowered, out, _ = nodes_of("mlp", folder)
    slow = estimate(lowered, out, BOARD, tmp_path, fps=1000, clock_mhz=10)
    assert slow.clock_mhz == 10
    assert slow.fps == pytest.approx(10e6 / slow.cycles_per_frame)


@pytest.mark.parametrize("name", ["cnn", "resnet", "depthwise"])
def test_a_choice_costs_what_its_parts_cost(name, folder):
    """The search's total is that of the foldings that it names, asked for one by one."""
    _, _, nodes = nodes_of(name, folder)
    choice = Search(units(nodes), BOARD, prices(BOARD)).fastest()
    given = given_foldings(units(nodes), choice.folding)
    again = Search(units(nodes), BOARD, prices(BOARD), given).balanced()
    assert again.folding == choice.folding
    assert again.total == pytest.approx(choice.total)


def test_faster_costs_more_and_limits_are_kept(folder):
    _, _, nodes = nodes_of("cnn", folder)
    search = Search(units(nodes), BOARD, prices(BOARD))
    targets = [int(cycles) for cycles in search.targets()]
    shares = [
        (search.cheapest(cycles).total[[0, 1, 2, 4]] / search.held[[0, 1, 2, 4]]).max()
        for cycles in targets[:: len(targets) // 8]
    ]
    for fast, slow in pairwise(shares):
        assert slow <= fast * (1 + 2 * PRECISION)
    for share in (0.05, 0.1, 0.3):
        found = search.fastest(share * search.held)
        assert (found.total <= share * search.held).all()


def test_arithmetic_moves_to_luts_where_dsps_are_short(folder):
    _, _, nodes = nodes_of("cnn", folder)
    search = Search(units(nodes), BOARD, prices(BOARD))
    few = search.fastest(search.held * [1, 1, 1, 1, 0.02])
    assert few.total[4] <= 0.02 * 220
    given = given_foldings(units(nodes), few.folding)
    cycles = Search(units(nodes), BOARD, prices(BOARD), given).targets()[0]
    by_dsp = search.fastest(search.held * [0.1, 1, 1, 1, 1])
    assert "lut" in {folding.get("resType") for folding in few.folding.values()}
    assert cycles < 2000, "LUTs alone are fast too"
    assert by_dsp.total[4] > few.total[4]


def test_lines_may_lie_in_ultraram_where_there_is_some(folder, tmp_path):
    lowered, out, nodes = nodes_of("cnn", folder)
    board = load_board("KV260")
    window = {"ConvolutionInputGenerator_rtl_0": {"ram_style": "ultra"}}
    result = estimate(lowered, out, board, tmp_path, folding=window)
    by_name = {node.node: node for node in result.nodes}
    assert by_name["ConvolutionInputGenerator_rtl_0"].resources["calibrated"].URAM >= 1
    assert result.resources["calibrated"].URAM >= 1
    (first, *_) = (unit for unit in units(nodes) if "Convolution" in unit.name)
    for has in (True, False):
        offered = first.options(no_cost, ultraram=has).foldings
        assert any(each[-1]["ram_style"] == "ultra" for each in offered) == has
    with pytest.raises(FoldingError, match="ram_style = ultra needs UltraRAM, and the part has"):
        estimate(lowered, out, BOARD, tmp_path / "none", folding=window)


def test_weights_never_lie_in_ultraram(folder, tmp_path):
    lowered, out, _ = nodes_of("cnn", folder)
    with pytest.raises(FoldingError, match="ram_style = 'ultra' is not possible"):
        estimate(
            lowered,
            out,
            load_board("KV260"),
            tmp_path,
            folding={"MVAU_rtl_0": {"ram_style": "ultra"}},
        )


def test_what_does_not_fit_names_layer_and_resource(folder, tmp_path):
    lowered, out, _ = nodes_of("cnn", folder)
    tiny = BOARD.resources.model_copy(update={"LUT": 1000})
    board = BOARD.model_copy(update={"resources": tiny})
    message = r"\w+_\d \(layer \w+\): takes \d+ of the [\d,]+ LUT that the design needs, and 700 "
    with pytest.raises(DoesNotFit, match=message):
        estimate(lowered, out, board, tmp_path)
    with pytest.raises(DoesNotFit, match="LUT that the design needs, and 1,000 of the 1,000"):
        estimate(lowered, out, board, tmp_path, fps=1000)
    assert not list(tmp_path.iterdir())
