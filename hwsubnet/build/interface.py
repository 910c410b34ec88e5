"""How a board sees an accelerator: as frames in memory, behind a DMA."""

from hwsubnet.artifacts import HostAffine
from hwsubnet.boards import Board
from hwsubnet.driver import Interface, Side
from hwsubnet.errors import ModelError
from hwsubnet.kernels import DataType, KernelGraph, Stream, host_units


def container_bits(datatype: DataType) -> int:
    """Return the bits that an element fills in memory: of the narrowest of NumPy's integers."""
    return next(bits for bits in (8, 16, 32, 64) if datatype.bits <= bits)


def streams(graph: KernelGraph, board: Board) -> tuple[Stream, Stream]:
    """Return the accelerator's input and output.

    Raises
    ------
    ModelError
        If it has more than one of either, or elements wider than the board's port.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(
            f"the accelerator has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; "
            "the shell's DMA serves one of each",
            fix="build the model in parts, or join its inputs and outputs",
        )
    ends = graph.inputs[0], graph.outputs[0]
    for stream in ends:
        if container_bits(stream.datatype) > board.axi_bits:
            raise ModelError(
                f"tensor {stream.tensor!r} of type {stream.datatype.name} is wider than the "
                f"{board.axi_bits} bits of {board.name}'s port"
            )
    return ends


def interface_of(
    name: str,
    board: Board,
    clock_mhz: float,
    fps: float,
    graph: KernelGraph,
    source: HostAffine,
    sink: HostAffine,
) -> Interface:
    """Return what the driver must know.

    Parameters
    ----------
    name
        Of the package and its files.
    board, clock_mhz
        The target.
    fps
        Expected frames per second.
    graph
        The accelerator's streams.
    source, sink
        How its input and output map to the model's tensors.

    Raises
    ------
    ModelError
        As `streams`.
    """
    entering, leaving = streams(graph, board)
    return Interface(
        name=name,
        board=board.name,
        clock_mhz=clock_mhz,
        fps=fps,
        beat_bytes=board.axi_bits // 8,
        input=_side(entering, source, board),
        output=_side(leaving, sink, board),
    )


def _side(stream: Stream, host: HostAffine, board: Board) -> Side:
    datatype, bits = stream.datatype, container_bits(stream.datatype)
    beats = -(-stream.elements * bits // board.axi_bits)
    unsigned = not (datatype.signed or datatype.bipolar)
    return Side(
        units=host_units(host),
        container=f"{'u' if unsigned else ''}int{bits}",
        bipolar=datatype.bipolar,
        row_bytes=beats * board.axi_bits // 8,
    )
