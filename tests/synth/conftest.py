"""A cache of syntheses for the session, and designs to synthesize."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.dataflow import Builder
from support.synthesis import crew_of

from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.synth.jobs import Job
from hwsubnet.synth.timing import Family

PARTS = {"xc7": "xc7z020clg400-1", "xcup": "xczu7ev-ffvc1156-2-e"}

Synthesize = Callable[..., dict[str, int]]


@pytest.fixture(scope="session")
def syntheses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("syntheses")


@pytest.fixture(scope="session")
def cells(syntheses: Path) -> Synthesize:
    """Cells of a job by name."""

    def run(job: Job, family: Family = "xc7", **options: bool) -> dict[str, int]:
        (result,) = crew_of(syntheses, family, **options).run([job]).values()
        return result.cells

    return run


@pytest.fixture(scope="session", params=["xc7", pytest.param("xcup", marks=pytest.mark.slow)])
def mlp(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A dense layer with its thresholds."""
    net = Builder(seed=3)
    x = net.input((1, 12), "UINT4")
    x = net.matrix(x, 4, pe=2, simd=4)
    x = net.threshold(x, pe=1, bits=2)
    folder = tmp_path_factory.mktemp(request.param)
    net.model(x).save(str(folder / "folded.onnx"))
    out = folder / "design"
    emit_rtl(folder / "folded.onnx", out, part=PARTS[request.param], clock_mhz=100)
    return request.param, out
