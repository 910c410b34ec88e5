"""The shell: the accelerator behind a DMA's ports, as one module of a block design."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from hwsubnet.artifacts import File, RtlDesign, write_text
from hwsubnet.boards import Board
from hwsubnet.build.interface import container_bits, streams
from hwsubnet.kernels import read_graph
from hwsubnet.resources import shipped

TOP = "shell"
BRIDGE = "dma_bridge"
"""The module that is the shell without the accelerator."""
BRIDGE_SOURCES = (
    "wrap_counter.sv",
    "skid_buffer.sv",
    "frame_marks.sv",
    "dma_ingress.sv",
    "dma_egress.sv",
    f"{BRIDGE}.sv",
)
"""Files in ``hls/rtl`` of which it consists; vpc of finn-rtllib is in every accelerator."""

templates = Environment(
    loader=PackageLoader("hwsubnet.build"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=False,
    autoescape=False,  # Verilog, Tcl and XML of names that were checked
)


def bridge_parameters(folder: Path, design: RtlDesign, board: Board) -> dict[str, int]:
    """Return the bridge's parameters for an accelerator and a board.

    Raises
    ------
    ModelError
        If the accelerator has more than one input or output, or elements wider than the port.
    """
    source, sink = streams(read_graph(folder / design.graph.path), board)
    return {
        "BEAT": board.axi_bits,
        "IN_CONTAINER": container_bits(source.datatype),
        "IN_BITS": source.datatype.bits,
        "IN_LANES": source.parallel,
        "IN_ELEMENTS": source.elements,
        "OUT_CONTAINER": container_bits(sink.datatype),
        "OUT_BITS": sink.datatype.bits,
        "OUT_SIGNED": int(sink.datatype.signed),
        "OUT_LANES": sink.parallel,
        "OUT_ELEMENTS": sink.elements,
    }


def add_shell(folder: Path, board: Board) -> RtlDesign:
    """Put the shell around the design in `folder`, which becomes the top of its record.

    Parameters
    ----------
    folder
        Where an accelerator and its ``rtl.json`` are.
    board
        Whose port the DMA has.

    Raises
    ------
    ModelError
        As `bridge_parameters`.
    """
    design = RtlDesign.load(folder)
    parameters = bridge_parameters(folder, design, board)
    texts = {f"rtl/{path}": (shipped("hls") / "rtl" / path).read_text() for path in BRIDGE_SOURCES}
    texts[f"rtl/{TOP}.v"] = templates.get_template("shell.v.j2").render(
        top=TOP,
        accelerator=design.top,
        beat=board.axi_bits,
        input_bits=_axi_bits(parameters["IN_LANES"] * parameters["IN_BITS"]),
        output_bits=_axi_bits(parameters["OUT_LANES"] * parameters["OUT_BITS"]),
        parameters=parameters,
    )
    known = {source.path for source in design.sources}
    for path, text in texts.items():
        write_text(folder / path, text)
    added = tuple(File.of(folder, path) for path in texts if path not in known)
    shell = design.model_copy(update={"top": TOP, "sources": (*design.sources, *added)})
    shell.save(folder)
    return shell


def _axi_bits(payload: int) -> int:
    return (payload + 7) // 8 * 8
