"""Calibrated costs: rules are exact, the fit is the one that ships, foldings are one by one."""

import numpy as np
import pytest
from onnx import helper
from support.dataflow import Builder

from hwsubnet.errors import ModelError
from hwsubnet.estimate.calibration import COLUMNS, costs, edge_cost, error_bars
from hwsubnet.estimate.calibration.fitting import fit, relative, shipped
from hwsubnet.estimate.calibration.memory import memory
from hwsubnet.estimate.calibration.model import EDGE, STRUCTURES, coefficients, combine
from hwsubnet.finn_adapter.hardware import HardwareNode, hardware_nodes

SAMPLES = shipped()
LUT, FF, BRAM18, URAM, DSP = range(len(COLUMNS))


def hardware(op: str, **attributes) -> HardwareNode:
    domain = f"finn.custom_op.fpgadataflow.{op.rsplit('_', 1)[1]}"
    return HardwareNode(helper.make_node(op, ["x", "w"], ["y"], domain=domain, **attributes))


@pytest.fixture
def matrix():
    return hardware(
        "MVAU_rtl", MW=72, MH=16, PE=2, SIMD=4, inputDataType="UINT4", weightDataType="INT4",
        accDataType="INT13", outputDataType="INT13", noActivation=1, numInputVectors=[1, 8, 8],
    )  # fmt: skip


def columns(resource: str) -> tuple[np.ndarray, np.ndarray]:
    """What is predicted and what was counted, over all samples."""
    said = [combine(s.op, s.structure)[0][COLUMNS.index(resource)] for s in SAMPLES]
    return np.array(said), np.array([s.truth[resource] for s in SAMPLES], dtype=float)


@pytest.mark.parametrize("resource", ["BRAM18", "URAM", "DSP"])
def test_rules_give_what_synthesis_counted(resource):
    said, counted = columns(resource)
    assert np.mean(said == counted) >= 0.95
    assert (counted > 0).any() or resource == "URAM", "no sample has any"


@pytest.mark.parametrize("resource", ["LUT", "FF"])
def test_fitted_costs_are_near_the_samples(resource):
    errors = np.abs(relative(*columns(resource)))
    assert np.median(errors) <= 0.05
    assert np.quantile(errors, 0.9) <= 0.2


def test_coefficients_are_those_of_the_shipped_samples():
    again, ships = fit(SAMPLES), coefficients()
    assert set(again["fits"]) == set(ships["fits"]) == {s.op for s in SAMPLES}
    for op, weights in again["fits"].items():
        for resource in ("LUT", "FF"):
            assert weights[resource] == pytest.approx(ships["fits"][op][resource], abs=1e-6)
    assert again["errors"] == ships["errors"]


def test_samples_are_of_every_operator_and_family():
    assert {s.op for s in SAMPLES} >= {*STRUCTURES, EDGE} - {"ElementwiseMul_hls"}, (
        "fitted as a sum"
    )
    assert {s.family for s in SAMPLES} == {"xc7", "xcup"}


def test_many_foldings_cost_what_each_costs_alone(matrix):
    foldings = [
        {"PE": pe, "SIMD": simd, **more}
        for pe in (1, 4, 16)
        for simd in (1, 3, 72)
        for more in ({}, {"ram_style": "block"}, {"resType": "lut"})
    ]
    together = costs(matrix, foldings, "xc7")
    assert together.shape == (len(foldings), len(COLUMNS))
    for folding, row in zip(foldings, together, strict=True):
        assert row == pytest.approx(costs(matrix, [folding], "xc7")[0])


def test_a_folding_changes_nothing_in_the_node(matrix):
    before = matrix.proto.SerializeToString()
    alone = costs(matrix, [{}], "xc7")
    costs(matrix, [{"PE": 16, "resType": "lut"}], "xc7")
    assert matrix.proto.SerializeToString() == before
    assert costs(matrix, [{}], "xc7") == pytest.approx(alone)
    assert costs(matrix, [{"PE": 2, "SIMD": 4}], "xc7") == pytest.approx(alone)


def test_options_of_a_matrix_unit(matrix):
    lutram, block, lut = costs(
        matrix,
        [{"ram_style": "distributed"}, {"ram_style": "block"}, {"resType": "lut"}],
        "xc7",
    )
    assert lutram[DSP] == block[DSP] == 4, "four rows of 4 x 4 bits share a DSP"
    assert lut[DSP] == 0
    assert lutram[BRAM18] == 0
    assert block[BRAM18] == 1, "36 words of 32 bits"
    assert block[LUT] < lutram[LUT] < lut[LUT]


def test_options_of_a_window():
    window = hardware(
        "ConvolutionInputGenerator_rtl", ConvKernelDim=[3, 3], IFMChannels=8, IFMDim=[30, 30],
        OFMDim=[28, 28], SIMD=8, Stride=[1, 1], Dilation=[1, 1], depthwise=0,
        inputDataType="UINT4", outputDataType="UINT4",
    )  # fmt: skip
    word_wise, at_once, block = costs(
        window, [{}, {"parallel_window": 1}, {"ram_style": "block"}], "xc7"
    )
    assert at_once[FF] > word_wise[FF] + 9 * 8 * 4 / 2, "nine pixels in registers"
    assert (word_wise[BRAM18], block[BRAM18]) == (0, 1)


def test_thresholds_that_all_channels_share_are_one_channels():
    alike = {"numSteps": 15, "weightDataType": "INT9", "inputDataType": "INT9",
             "outputDataType": "UINT4", "numInputVectors": [1, 4, 4]}  # fmt: skip
    one = hardware("Thresholding_rtl", NumChannels=64, PE=1, **alike)
    many = costs(one, [{}], "xc7")[0]
    shared = costs(HardwareNode(one.proto, uniform=True), [{}], "xc7")[0]
    single = costs(hardware("Thresholding_rtl", NumChannels=1, PE=1, **alike), [{}], "xc7")[0]
    assert shared[LUT] == pytest.approx(single[LUT])
    assert shared[FF] == pytest.approx(single[FF])
    assert shared[LUT] < many[LUT] / 2


def test_a_graph_tells_which_thresholds_are_shared():
    net = Builder(seed=1)
    model = net.model(net.threshold(net.input((1, 8), "INT6"), pe=1, bits=2))
    (found,) = hardware_nodes(model.model)
    assert not found.uniform
    thresholds = model.get_initializer(found.proto.input[1])
    model.set_initializer(found.proto.input[1], np.tile(thresholds[:1], (len(thresholds), 1)))
    (again,) = hardware_nodes(model.model)
    assert again.uniform
    assert again.signature() != found.signature()


def test_streams():
    wire, queue, narrowing, deep = edge_cost([32, 32, 32, 32], [32, 32, 8, 32], [0, 2, 2, 1000],
                                             "xc7")  # fmt: skip
    assert not wire.any()
    assert 32 < queue[LUT] < narrowing[LUT]
    assert 32 < queue[FF] < narrowing[FF]
    assert deep[BRAM18] == 2, "1024 words of 32 bits"
    assert edge_cost(32, 32, 2, "xc7").shape == (1, len(COLUMNS))


@pytest.mark.parametrize(
    ("width", "depth", "ports", "family", "expected"),
    [
        (32, 16, "one", "xc7", (16, 0)),  # 4 of RAM32M, 8 bits each
        (32, 64, "one", "xc7", (32, 0)),  # RAM64X1S
        (32, 256, "one", "xc7", (0, 1)),
        (576, 256, "one", "xc7", (0, 16)),
        (4, 480, "one", "xcup", (32, 0)),  # RAM512X1S
        (144, 16, "two", "xc7", (96, 0)),  # 24 of RAM32M, 6 bits each
        (8, 2048, "two", "xc7", (0, 1)),
        (12, 512, "none", "xc7", (0, 0)),  # LUT logic
        (12, 1024, "none", "xc7", (0, 1)),
        (8, 25088, "none", "xc7", (0, 12)),  # 13 words of 8 bits in rows of 6 RAMB36, 18 bits each
        (4, 37632, "none", "xc7", (0, 9)),  # 37 words of 4 bits in rows of 9 RAMB18
    ],
)
def test_what_memories_become(width, depth, ports, family, expected):
    found = memory(np.array([float(width)]), np.array([float(depth)]), ports, family)
    assert (found.luts[0], found.bram18[0]) == expected


def test_a_kind_without_a_model_is_named(matrix):
    matrix.proto.op_type = "StreamingFIFO_rtl"
    with pytest.raises(ModelError, match="'StreamingFIFO_rtl' has no calibrated cost"):
        costs(matrix, [{}], "xc7")


@pytest.mark.parametrize("op", [*STRUCTURES, EDGE])
def test_every_model_has_error_bars(op):
    if op in {s.op for s in SAMPLES}:
        bars = error_bars(op)
        assert set(bars) == {"LUT", "FF"}
        assert all(0 <= bar < 1 for bar in bars.values())
