"""Made-up reports of smooth numbers that no real run would give."""

from collections.abc import Callable, Sequence

import pytest

from hwsubnet.artifacts import (
    Accuracy,
    Alignment,
    Coverage,
    Kept,
    Left,
    Level,
    NodeEstimate,
    NodeFolding,
    Report,
    Resources,
    Simulation,
    Verification,
)

MakeReport = Callable[..., Report]

TOTALS = {"LUT": 53_200, "FF": 106_400, "BRAM18": 280, "URAM": 0, "DSP": 220}


def make_report(
    sparsities: Sequence[float] = (0.0, 0.25, 0.5, 0.75),
    layers: Sequence[str] = ("conv0", "conv1", "conv2", "conv3", "linear0", "linear1"),
    lut: bool = True,
    name: str = "synthetic",
) -> Report:
    """Build a report of invented, smooth numbers."""
    return Report(
        name=name,
        board="Made-up board",
        part="xc0made-up",
        clock_mhz=100,
        levels=tuple(_level(sparsity, tuple(layers), lut) for sparsity in sparsities),
        provenance={"seed": 0, "data": {"name": "invented", "images": 0}, "config": "0" * 64},
    )


def empty_report() -> Report:
    """Build a report that knows nothing but its levels."""
    levels = tuple(Level(sparsity=sparsity) for sparsity in (0.0, 0.5))
    return Report(name="empty", board="B", part="P", clock_mhz=100, levels=levels)


def _level(sparsity: float, layers: tuple[str, ...], lut: bool) -> Level:
    keep = 1 - sparsity
    nodes = [node for place, layer in enumerate(layers) for node in _nodes(place, layer, keep, lut)]
    luts = [node.resources["analytical"].LUT for node in nodes]
    total = Resources(
        LUT=sum(v for v in luts if v is not None) if lut else None,
        FF=None,
        BRAM18=sum(node.resources["analytical"].BRAM18 or 0 for node in nodes),
        URAM=0,
        DSP=sum(node.resources["analytical"].DSP or 0 for node in nodes),
    )
    cycles = max(node.cycles for node in nodes)
    quantized = 0.92 - 0.04 * sparsity**2
    return Level(
        sparsity=sparsity,
        channels={
            layer: Kept(kept=max(1, round((1 if layer == layers[-1] else keep) * width)), of=width)
            for layer, width in zip(layers, _widths(len(layers)), strict=True)
        },
        alignment=Alignment(multiple=1, extra_channels=0, extra_weights=0, extra_macs=0),
        accuracy=Accuracy(
            float=quantized + 0.005, quantized=quantized, split="test", images=10_000
        ),
        weights_mbit=2 * keep**2,
        activations_mbit=1 * keep,
        performance_density=100 * quantized / (2 * keep**2 + keep),
        macs=round(20_000_000 * keep**2),
        folding=tuple(
            NodeFolding(node=node.node, op=node.op, PE=4, SIMD=8 if "mvau" in node.node else None)
            for node in nodes
        ),
        nodes=tuple(nodes),
        cycles_per_frame=cycles,
        latency_cycles=None,
        fps=100e6 / cycles,
        resources={"analytical": total},
        utilization={
            kind: getattr(total, kind) / of if of and getattr(total, kind) is not None else None
            for kind, of in TOTALS.items()
        },
        fits=True if lut else None,
        verification=Verification(images=512, differing=3, on_boundary=3, class_changes=0),
        simulation=Simulation(backend="golden", frames=512, mismatches=0),
        coverage=Coverage(
            converted=len(nodes), left=(Left(node="Mul_0", op="Mul", why="scales the output"),)
        ),
    )


def _widths(count: int) -> list[int]:
    return [min(256, 32 * 2 ** (3 * place // count)) for place in range(count - 1)] + [10]


def _nodes(place: int, layer: str, keep: float, lut: bool) -> list[NodeEstimate]:
    wave = 1 + (place * 7 % 5) / 5
    return [
        NodeEstimate(
            node=f"{layer}_mvau",
            op="MVAU_rtl",
            layer=layer,
            cycles=round(30_000 * keep**2 * wave),
            resources={
                "analytical": Resources(
                    LUT=1_500 * keep * wave if lut else None,
                    BRAM18=round(10 * keep * wave),
                    URAM=0,
                    DSP=round(18 * keep * wave),
                )
            },
        ),
        NodeEstimate(
            node=f"{layer}_window",
            op="ConvolutionInputGenerator_rtl",
            layer=layer,
            cycles=round(22_000 * keep),
            resources={"analytical": Resources(BRAM18=round(2 * keep), URAM=0, DSP=0)},
        ),
    ]


@pytest.fixture(scope="session")
def synthetic() -> MakeReport:
    return make_report


@pytest.fixture(scope="session")
def empty() -> Report:
    return empty_report()
