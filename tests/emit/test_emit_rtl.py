import json
import re

import pytest
from support.dataflow import PART, Builder, fork_net, linear_net

from hwsubnet.artifacts import RtlDesign
from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.emit.stitch import identifier, refuse_collisions
from hwsubnet.errors import ModelError


def emit(model, folder, **options):
    model.save(str(folder / "folded.onnx"))
    return emit_rtl(folder / "folded.onnx", folder / "design", part=PART, clock_mhz=100, **options)


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    designs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        designs.append(emit(fork_net(), tmp_path / name))
    assert designs[0] == designs[1]
    assert RtlDesign.load(tmp_path / "a" / "design") == designs[0]


def test_every_file_is_in_the_record_and_nothing_else_is_written(tmp_path):
    design = emit(linear_net(), tmp_path)
    folder = tmp_path / "design"
    listed = {file.path for file in (*design.sources, *design.memories, design.graph)}
    written = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert written == listed | {"rtl.json"}


def test_paths_are_relative(tmp_path):
    emit(linear_net(), tmp_path)
    for path in (tmp_path / "design" / "rtl").rglob("*"):
        if path.is_file():
            named = re.findall(r'"([^"\n]*/[^"\n]*)"', path.read_text())
            assert not [name for name in named if name.startswith(("/", "./"))], path


def test_memories_are_where_the_sources_look(tmp_path):
    design = emit(linear_net(), tmp_path)
    texts = "".join(
        (tmp_path / "design" / source.path).read_text()
        for source in design.sources
        if "/finn/" not in source.path
    )
    paths = [memory.path for memory in design.memories]
    stems = set(re.findall(r'"(data/[^"]+)"', texts))
    assert stems
    for path in paths:
        assert any(path.startswith(stem) for stem in stems), path
    for stem in stems:
        assert any(path.startswith(stem) for path in paths), stem


def test_only_needed_modules_are_staged(tmp_path):
    net = Builder()
    design = emit(net.model(net.pad(net.input((1, 4, 4, 2)))), tmp_path)
    staged = {source.path for source in design.sources}
    assert "rtl/finn/fmpadding.sv" in staged
    assert "rtl/finn/mvu.sv" not in staged


def test_what_was_there_is_replaced(tmp_path):
    (tmp_path / "design").mkdir()
    (tmp_path / "design" / "stale.sv").write_text("")
    emit(linear_net(), tmp_path)
    assert not (tmp_path / "design" / "stale.sv").exists()


@pytest.mark.parametrize(
    ("depths", "message"),
    [
        ({"nowhere": 4}, "FIFO depth given for 'nowhere', which is no stream"),
        ({"in0": 1}, "FIFO depth 1 of 'in0' is not possible; use 0, or 2 and above"),
        ({"in0": -2}, "FIFO depth -2"),
    ],
    ids=str,
)
def test_impossible_depths_are_told(depths, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        emit(linear_net(), tmp_path, depths=depths)
    assert not (tmp_path / "design").exists()


def test_depths_reach_the_record(tmp_path):
    design = emit(linear_net(), tmp_path, depths={"in0": 9})
    assert {edge.tensor: edge.depth for edge in design.edges}["in0"] == 9


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [("mem_mode", "external", "mem_mode = 'external'"), ("pumpedCompute", 1, "pumpedCompute = 1")],
)
def test_what_cannot_be_stitched_is_told(attribute, value, message, tmp_path):
    from qonnx.custom_op.registry import getCustomOp

    from hwsubnet.finn_adapter.session import initialize

    initialize()
    model = linear_net()
    node = next(node for node in model.graph.node if node.op_type == "MVAU_rtl")
    getCustomOp(node).set_nodeattr(attribute, value)
    with pytest.raises(ModelError, match=f"{node.name}: {message} cannot be stitched"):
        emit(model, tmp_path)


@pytest.mark.parametrize(
    ("name", "plain"), [("a.b/c", "a_b_c"), ("0x", "n_0x"), ("é", "_"), ("Ok_1", "Ok_1")]
)
def test_identifiers(name, plain):
    assert identifier(name) == plain


def test_names_that_collide_are_told():
    with pytest.raises(ModelError, match=r"'a\.b' and 'a_b' are the same"):
        refuse_collisions(["a.b", "c", "a_b"])


def test_the_record_holds_no_machine(tmp_path):
    emit(linear_net(), tmp_path)
    text = (tmp_path / "design" / "rtl.json").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["top"] == "accelerator"
