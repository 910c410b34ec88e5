"""The shell without an accelerator: what a DMA sends comes back, frame by frame, with TLAST.

The bridge's accelerator is a wire, so that words pass as they are; their elements may be read as
another type on the way out, and a frame's last words may be dropped: its output is then complete
before its input is. Memory is laid out by the driver's own packing.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rtl_bench import Bench, compile_bench
from support.rtl_readers import read_by_slang, read_by_verilator

from hwsubnet.build.interface import container_bits
from hwsubnet.build.shell import BRIDGE, BRIDGE_SOURCES
from hwsubnet.driver import Side, Units
from hwsubnet.finn_adapter.staging import stage
from hwsubnet.kernels import DataType, Stream
from hwsubnet.resources import shipped
from hwsubnet.simulate.words import pack, unpack

RTL = shipped("hls") / "rtl"
TRANSFERS = (1, 3, 2, 1)
"""Frames of each transfer."""


@dataclass(frozen=True)
class Case:
    """A port's width, and the two ends of an accelerator."""

    beat: int
    source: Stream
    sink: Stream

    @property
    def parameters(self) -> dict[str, int]:
        found = {"BEAT": self.beat, "OUT_SIGNED": int(self.sink.datatype.signed)}
        for name, stream in (("IN", self.source), ("OUT", self.sink)):
            found[f"{name}_CONTAINER"] = container_bits(stream.datatype)
            found[f"{name}_BITS"] = stream.datatype.bits
            found[f"{name}_LANES"] = stream.parallel
            found[f"{name}_ELEMENTS"] = stream.elements
        return found


def case(
    beat: int, source: str, lanes: int, elements: int, sink: str | None = None, dropped: int = 0
) -> Case:
    """A case whose words leave as they came, but for the last ones, as elements of type `sink`."""
    entering = Stream("in", DataType.parse(source), (elements,), lanes)
    datatype = DataType.parse(sink or source)
    parallel = entering.width // datatype.bits
    leaving = (entering.words - dropped) * parallel
    return Case(beat, entering, Stream("out", datatype, (leaving,), parallel))


CASES = {
    "pixels": case(64, "UINT8", 1, 49),
    "colours": case(64, "UINT8", 3, 27),
    "wide port": case(128, "UINT8", 1, 40),
    "narrow port": case(32, "INT12", 2, 10),
    "nibbles": case(64, "INT4", 3, 21),
    "bipolar": case(64, "BIPOLAR", 8, 24),
    "logits": case(128, "INT15", 1, 10),
    "accumulators": case(64, "INT21", 5, 5),
    "one label": case(64, "UINT4", 1, 1),
    "a frame a word": case(64, "INT6", 4, 4),
    "a word of many beats": case(32, "UINT8", 24, 48),
    "bytes become nibbles": case(64, "UINT8", 2, 12, "INT4"),
    "nibbles become words": case(128, "UINT4", 5, 20, "INT20"),
    "early output": case(64, "INT8", 8, 80, dropped=9),
}
MUTANTS = {
    "dma_egress.sv": (
        ("ends && mark;", "ends;", "logits"),
        ("assign may = !ends || mark_vld;", "assign may = 1'b1;", "early output"),
        ("SIGNED &&", "1'b0 &&", "nibbles"),
    ),
    "dma_ingress.sv": (
        ("idat[i * CONTAINER +: BITS]", "idat[i * BITS +: BITS]", "nibbles"),
        ("assign mark = ilast;", "assign mark = 1'b1;", "pixels"),
        (".step(ivld && irdy)", ".step(ivld)", "colours"),
    ),
    "frame_marks.sv": (("assign ovld = count != '0;", "assign ovld = 1'b1;", "early output"),),
}
"""By file: text, the fault put in its place, and the case that must notice."""


def side(stream: Stream, beat: int) -> Side:
    datatype = stream.datatype
    bits = container_bits(datatype)
    return Side(
        Units(stream.shape, datatype.min, datatype.max),
        f"{'' if datatype.signed or datatype.bipolar else 'u'}int{bits}",
        datatype.bipolar,
        -(-stream.elements * bits // beat) * beat // 8,
    )


def beats(stream: Stream, values: np.ndarray, beat: int) -> str:
    """A memory image as beats, TLAST above the data."""
    layout = side(stream, beat)
    buffer = np.zeros(len(values) * layout.row_bytes, dtype=np.uint8)
    layout.pack(values, buffer)
    assert np.array_equal(layout.unpack(buffer, len(values)), values)
    lines = [int.from_bytes(row.tobytes(), "little") for row in buffer.reshape(-1, beat // 8)]
    per_frame = len(lines) // len(values)
    for frames in np.cumsum(TRANSFERS):
        lines[frames * per_frame - 1] |= 1 << beat
    return "".join(f"{line:0{beat // 4 + 1}x}\n" for line in lines)


def add(name: str, found: Case, module: str, memories: dict[str, str], body: list[str]) -> None:
    """Put a bridge between a source and a sink into the bench."""
    rng = np.random.default_rng(1)
    datatype, frames = found.source.datatype, sum(TRANSFERS)
    values = rng.integers(datatype.min, datatype.max, (frames, *found.source.shape), endpoint=True)
    if datatype.bipolar:
        values = rng.choice([-1, 1], values.shape)
    memories[f"data/{name}_in.dat"] = beats(found.source, values, found.beat)
    words = pack(values, found.source).reshape(frames, found.source.words, -1)
    kept = words[:, : found.sink.words].reshape(frames * found.sink.words, -1)
    leaving = unpack(kept, found.sink)
    memories[f"data/{name}_out.dat"] = beats(found.sink, leaving, found.beat)
    width = found.beat + 1
    octets = found.source.axi_width
    given = ", ".join(f".{key}({value})" for key, value in found.parameters.items())
    for end in ("in", "out"):
        body += [
            f"\tlogic [{width - 1}:0] {name}_{end}_data;",
            f"\tlogic {name}_{end}_valid, {name}_{end}_ready, {name}_{end}_moves;",
        ]
    body += [
        f"\tlogic [{octets - 1}:0] {name}_data;",
        f"\tlogic {name}_valid, {name}_ready, {name}_drop;",
        f"\tint unsigned {name}_word;",
        f"\tassign {name}_drop = {name}_word % {found.source.words} >= {found.sink.words};",
        f"\talways_ff @(posedge clk) {name}_word <= rst ? 0 : {name}_word",
        f"\t\t+ 32'({name}_valid && ({name}_ready || {name}_drop));",
        f"\tbench_source #(.WIDTH({width}), .WORDS({_lines(memories, name, 'in')}),",
        f'\t\t.FILE("data/{name}_in.dat")) {name}_source (.clk, .rst, .pause(pause_in),',
        f"\t\t.tdata({name}_in_data), .tvalid({name}_in_valid), .tready({name}_in_ready),",
        f"\t\t.moves({name}_in_moves));",
        f"\tlogic [{found.beat // 8 - 1}:0] {name}_keep;",
        f"\t{module} #({given}) {name} (.aclk(clk), .aresetn(!rst),",
        f"\t\t.s_axis_tdata({name}_in_data[{found.beat - 1}:0]), .s_axis_tkeep('1),",
        f"\t\t.s_axis_tlast({name}_in_data[{found.beat}]), .s_axis_tvalid({name}_in_valid),",
        f"\t\t.s_axis_tready({name}_in_ready),",
        f"\t\t.input_tdata({name}_data), .input_tvalid({name}_valid),",
        f"\t\t.input_tready({name}_ready || {name}_drop),",
        f"\t\t.output_tdata({name}_data), .output_tvalid({name}_valid && !{name}_drop),",
        f"\t\t.output_tready({name}_ready),",
        f"\t\t.m_axis_tdata({name}_out_data[{found.beat - 1}:0]), .m_axis_tkeep({name}_keep),",
        f"\t\t.m_axis_tlast({name}_out_data[{found.beat}]), .m_axis_tvalid({name}_out_valid),",
        f"\t\t.m_axis_tready({name}_out_ready));",
        f"\tbench_sink #(.WIDTH({width}), .WORDS({_lines(memories, name, 'out')}),",
        f'\t\t.FRAMES({frames}), .FILE("data/{name}_out.dat"), .NAME("{name}")) {name}_sink (',
        "\t\t.clk, .rst, .pause(pause_out), .cycle, "
        f".tdata({name}_out_data), .tvalid({name}_out_valid),",
        f"\t\t.tready({name}_out_ready), .moves({name}_out_moves));",
    ]


def _lines(memories: dict[str, str], name: str, end: str) -> int:
    return memories[f"data/{name}_{end}.dat"].count("\n")


def identifier(name: str) -> str:
    return name.replace(" ", "_")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Every case, and every mutant in the case that must notice it."""
    texts = {f"rtl/{path}": (RTL / path).read_text() for path in BRIDGE_SOURCES}
    texts["rtl/vpc.sv"] = stage("dwc/hdl/vpc.sv")
    memories: dict[str, str] = {}
    body: list[str] = []
    for name, found in CASES.items():
        add(identifier(name), found, BRIDGE, memories, body)
    modules = "|".join(Path(path).stem for path in BRIDGE_SOURCES)
    for path, faults in MUTANTS.items():
        for index, (old, new, name) in enumerate(faults):
            mutant = f"mutant_{Path(path).stem}_{index}"
            for source in BRIDGE_SOURCES:
                text = (RTL / source).read_text()
                if source == path:
                    assert text.count(old) == 1, f"{path} has {old!r} not once"
                    text = text.replace(old, new)
                renamed = re.sub(rf"\b({modules})\b(?! \()", rf"{mutant}_\1", text)
                texts[f"rtl/{mutant}_{source}"] = renamed
            add(mutant, CASES[name], f"{mutant}_{BRIDGE}", memories, body)
    moves = [f"{name[5:-7]}_out_moves" for name in memories if name.endswith("_in.dat")]
    return compile_bench(texts, memories, body, moves, 50_000, tmp_path_factory.mktemp("bridge"))


@pytest.mark.parametrize(
    ("pause_in", "pause_out"), [(0, 0), (40, 0), (0, 40), (30, 60)], ids=lambda value: str(value)
)
def test_what_is_sent_comes_back_with_tlast(bench: Bench, pause_in: int, pause_out: int) -> None:
    sinks = bench.run(pause_in, pause_out, seed=3)
    assert [name for name in CASES if not sinks[identifier(name)][0].right] == []


@pytest.mark.parametrize("path", MUTANTS)
def test_a_fault_is_noticed(bench: Bench, path: str) -> None:
    runs = [bench.run(40, 0), bench.run(0, 40)]
    for index, (_, new, _) in enumerate(MUTANTS[path]):
        name = f"mutant_{Path(path).stem}_{index}"
        assert not all(run[name][0].right for run in runs), new


def sources(folder: Path) -> list[Path]:
    (folder / "vpc.sv").write_text(stage("dwc/hdl/vpc.sv"))
    return [folder / "vpc.sv", *(RTL / path for path in BRIDGE_SOURCES)]


@pytest.mark.parametrize("name", ["pixels", "nibbles", "one label", "accumulators"])
def test_tools_read_it(name: str, tmp_path: Path) -> None:
    files, parameters = sources(tmp_path), CASES[name].parameters
    said = read_by_verilator(files, BRIDGE, parameters, "-Wall")
    own = [line for line in said.splitlines() if line.startswith("%") and str(RTL) in line]
    assert own == []  # finn-rtllib's warnings are upstream's
    assert read_by_slang(files, BRIDGE, parameters) == ""


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"IN_CONTAINER": 24}, "CONTAINER must divide BEAT"),
        ({"OUT_BITS": 9}, "BITS is at most CONTAINER"),
        ({"IN_LANES": 3}, "LANES must divide ELEMENTS"),
        ({"FRAMES": 1}, "DEPTH is a power of 2, at least 2"),
    ],
    ids=str,
)
def test_illegal_parameters_are_refused(
    parameters: dict[str, int], message: str, tmp_path: Path
) -> None:
    assert message in read_by_verilator(sources(tmp_path), BRIDGE, parameters, "-Wall")
