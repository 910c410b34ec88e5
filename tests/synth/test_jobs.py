"""What a synthesis is made of, and what makes two of them the same."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support.dataflow import PART, Builder

from hwsubnet.artifacts import RtlDesign
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.errors import OutputError
from hwsubnet.synth.jobs import Job, Sources

DEPTHS = {"in0": 40, "MVAU_rtl_2_out0": 0, "Thresholding_rtl_2_out0": 0}


def emit(net: Builder, outputs: list[str], folder: Path, **depths: int) -> Path:
    net.model(*outputs).save(str(folder / "folded.onnx"))
    out = folder / "design"
    emit_rtl(folder / "folded.onnx", out, part=PART, clock_mhz=100, depths=depths)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A stream that three layers read, two of them the same."""
    net = Builder(seed=1)
    streams = net.duplicate(net.input((1, 8), "UINT4"), copies=3)
    state = net.random.bit_generator.state
    outputs = []
    for stream in streams:
        if len(outputs) < 2:
            net.random.bit_generator.state = state
        outputs.append(net.threshold(net.matrix(stream, 4, pe=2, simd=4), pe=1))
    return emit(net, outputs, tmp_path_factory.mktemp("net"), **DEPTHS)


@pytest.fixture(scope="module")
def sources(folder) -> Sources:
    return Sources(RtlDesign.load(folder), folder)


def matrix(sources: Sources, index: int) -> Job:
    return sources.node(f"MVAU_rtl_{index}", "MVAU_rtl")


def test_the_same_hardware_is_the_same_job_whatever_its_name(sources):
    assert matrix(sources, 0).content == matrix(sources, 1).content
    first, second = (sources.node(f"Thresholding_rtl_{i}", "Thresholding_rtl") for i in (0, 1))
    assert first.content == second.content
    assert first.content != matrix(sources, 0).content


def test_other_weights_are_another_job(sources):
    assert matrix(sources, 0).content != matrix(sources, 2).content


def test_a_node_knows_nothing_of_the_others(sources):
    job = matrix(sources, 1)
    text = "\n".join((*job.sources, *job.sources.values(), *job.memories))
    assert not re.search(r"MVAU_rtl_\d|Threshold|accelerator|DuplicateStreams", text)
    assert len(job.memories) == 1


def test_a_node_has_all_its_memories(sources):
    job = sources.node("Thresholding_rtl_1", "Thresholding_rtl")
    assert len(job.memories) == 4  # one for each bit of the search
    assert all(path.startswith("data/unit_threshs_0_") for path in job.memories)


def test_packages_come_first(sources):
    paths = list(matrix(sources, 0).sources)
    assert paths.index("rtl/finn/mvu_pkg.sv") < paths.index("rtl/finn/mvu.sv")


def test_every_stream_with_something_in_it_is_a_job(sources):
    edges = {job.name: job for job in sources.edges()}
    assert edges["in0"].parameters == {
        "IWIDTH": "4", "OWIDTH": "4", "DEPTH": "40", "RAM_STYLE": '"auto"',
    }  # fmt: skip
    forked = [job for name, job in edges.items() if name.startswith("DuplicateStreams")]
    assert len(forked) == 3
    assert len({job.content for job in forked}) == 1
    assert (forked[0].parameters["IWIDTH"], forked[0].parameters["OWIDTH"]) == ("4", "16")
    # Without a FIFO there is still a width converter, where the words differ; else a wire.
    assert edges["MVAU_rtl_2_out0"].parameters["DEPTH"] == "0"
    assert "Thresholding_rtl_2_out0" not in edges


def test_the_whole_has_everything(sources, folder):
    job = sources.whole()
    record = RtlDesign.load(folder)
    assert len(job.memories) == len(record.memories)
    assert "rtl/accelerator.sv" in job.sources


def test_parameters_and_memories_count(sources):
    job = sources.edges()[0]
    assert replace(job, parameters={**job.parameters, "DEPTH": "41"}).content != job.content
    node = matrix(sources, 0)
    ((path, text),) = node.memories.items()
    assert replace(node, memories={path: text.replace("0", "1")}).content != node.content


@pytest.fixture
def damaged(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "design"))


def test_a_missing_source_is_told(damaged):
    (damaged / "rtl" / "accelerator.sv").unlink()
    with pytest.raises(OutputError, match=r"accelerator\.sv: cannot be read; emit the design"):
        Sources(RtlDesign.load(damaged), damaged)


def test_a_top_module_of_another_design_is_told(damaged):
    top = damaged / "rtl" / "accelerator.sv"
    top.write_text(re.sub(r"stream_edge #\(.*\) in0_edge", "other in0_edge", top.read_text()))
    with pytest.raises(OutputError, match=r"has 9 streams, but rtl\.json names 10"):
        Sources(RtlDesign.load(damaged), damaged).edges()


def test_a_missing_module_is_told(damaged):
    (damaged / "rtl" / "MVAU_rtl_0_node.sv").write_text("")
    design = RtlDesign.load(damaged)
    with pytest.raises(OutputError, match="no source of the design defines module 'MVAU_rtl_0_nod"):
        Sources(design, damaged).node("MVAU_rtl_0", "MVAU_rtl")
