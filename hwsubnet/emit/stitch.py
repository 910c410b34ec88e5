"""The generated SystemVerilog: one module per node, and the top that joins them.

Every node becomes a module without parameters, ``<node>_node``, whose only ports are the clock, the
reset and its streams, ``s_axis_<i>_*`` and ``m_axis_<i>_*``: it can be instantiated, simulated and
synthesized alone, as the top can. The top instantiates each of them once, and one ``stream_edge``
per stream.
"""

import re
from collections.abc import Iterable, Sequence

from hwsubnet.artifacts import RtlEdge
from hwsubnet.errors import ModelError
from hwsubnet.finn_adapter.codegen import DATA, FinnRtl
from hwsubnet.kernels import Kernel, KernelGraph, RtlModule, Stream

EDGE_SOURCES = ("stream_edge.sv",)
"""Files in ``hls/rtl`` that every stitched design needs."""
EDGE_LIBRARY = ("fifo/hdl/fifo.sv", "fifo/hdl/fifo_gauge.sv", "dwc/hdl/vpc.sv")
"""Files of finn-rtllib that every stitched design needs."""

# Beyond this depth fifo.sv chooses UltraRAM by itself, which Zynq-7000 does not have.
_DEEPEST_BLOCK_FIFO = 2028

_TIED_AXILITE = (
    *("AWVALID", "AWADDR", "WVALID", "WDATA", "WSTRB", "BREADY"),
    *("ARVALID", "ARADDR", "RREADY"),
)
_OPEN_AXILITE = ("AWREADY", "WREADY", "BVALID", "BRESP", "ARREADY", "RVALID", "RDATA", "RRESP")
_SIGNALS = ("data", "valid", "ready")


def identifier(name: str) -> str:
    """Return `name` as a SystemVerilog identifier."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return plain if re.match(r"[A-Za-z_]", plain) else f"n_{plain}"


def node_module(kernel: Kernel) -> str:
    """Name of the module that wraps one node."""
    return f"{identifier(kernel.name)}_node"


def own_node(kernel: Kernel, rtl: RtlModule) -> tuple[str, dict[str, str]]:
    """Wrap one of this project's cores, its parameters filled in, its streams taken apart.

    Returns
    -------
    tuple
        The module's text, and its memories' texts by path.
    """
    memories = {}
    parameters: dict[str, int | str] = dict(rtl.parameters)
    for parameter, memory in rtl.memories.items():
        path = f"{DATA}/{identifier(kernel.name)}_{parameter.lower()}.dat"
        memories[path] = memory.hex
        parameters[parameter] = path
    filled = [f".{name}({literal(value)})" for name, value in parameters.items()]
    body: list[str] = []
    links = [".clk(ap_clk)", ".rst(!ap_rst_n)"]
    for letter, direction, streams in (("i", "s", kernel.inputs), ("o", "m", kernel.outputs)):
        count, width = len(streams), sum(stream.width for stream in streams)
        links += [f".{letter}{signal}" for signal in ("dat", "vld", "rdy")]
        body += [
            f"logic [{width - 1}:0] {letter}dat;",
            f"logic [{count - 1}:0] {letter}vld, {letter}rdy;",
        ]
        offset = 0
        for index, stream in enumerate(streams):
            body += _apart(letter, f"{direction}_axis_{index}", index, offset, stream)
            offset += stream.width
    body += _instance(rtl.module, "kernel", links, filled)
    return _module(node_module(kernel), _node_ports(kernel), body), memories


def finn_node(kernel: Kernel, rtl: FinnRtl) -> str:
    """Wrap one of FINN's modules: its weight streamer beside it, what is not used tied off."""
    ports = [".ap_clk", ".ap_rst_n"]
    for theirs, ours, streams in (("in", "s", kernel.inputs), ("out", "m", kernel.outputs)):
        ports += [
            f".{theirs}{index}_V_T{signal.upper()}({ours}_axis_{index}_t{signal})"
            for index in range(len(streams))
            for signal in _SIGNALS
        ]
    body: list[str] = []
    if rtl.streamer:
        body = [
            f"logic [{rtl.streamer_width - 1}:0] weights_tdata;",
            "logic weights_tvalid, weights_tready;",
            *_instance(
                rtl.streamer,
                "weights",
                [
                    ".ap_clk",
                    ".ap_clk2x(ap_clk)",
                    ".ap_rst_n",
                    *_axilite_off(protection=True),
                    ".s_axis_0_tready()",
                    ".s_axis_0_tvalid('0)",
                    ".s_axis_0_tdata('0)",
                    *(f".m_axis_0_t{signal}(weights_t{signal})" for signal in _SIGNALS),
                ],
            ),
        ]
        ports += [f".in1_V_T{signal.upper()}(weights_t{signal})" for signal in _SIGNALS]
        ports += [".ap_clk2x(ap_clk)"]
    if rtl.axilite:
        ports += _axilite_off(protection=False)
    if rtl.selects_set:
        ports += [".in1_V_TDATA('0)", ".in1_V_TVALID('0)", ".in1_V_TREADY()"]
    return _module(
        node_module(kernel), _node_ports(kernel), [*body, *_instance(rtl.module, "kernel", ports)]
    )


def top(name: str, graph: KernelGraph, edges: Sequence[RtlEdge], *, has_ultraram: bool) -> str:
    """Return the top module: every node once, joined by one edge per stream.

    Parameters
    ----------
    name
        Of the module.
    graph
        Kernels and the streams between them.
    edges
        With their depths, in the order in which the monitor numbers them.
    has_ultraram
        Whether the part has UltraRAM for the deepest FIFOs.
    """
    writes = {stream.tensor: stream for kernel in graph.kernels for stream in kernel.outputs}
    reads = {stream.tensor: stream for kernel in graph.kernels for stream in kernel.inputs}
    ports = ["input  logic ap_clk", "input  logic ap_rst_n"]
    entering, leaving = {}, {}
    for index, stream in enumerate(graph.inputs):
        entering[stream.tensor] = f"s_axis_{index}"
        ports += _port("input", f"s_axis_{index}", stream)
    for index, stream in enumerate(graph.outputs):
        leaving[stream.tensor] = f"m_axis_{index}"
        ports += _port("output", f"m_axis_{index}", stream)
    body: list[str] = []
    for number, edge in enumerate(edges):
        before = writes.get(edge.tensor) or reads[edge.tensor]
        after = reads.get(edge.tensor) or writes[edge.tensor]
        wires = identifier(edge.tensor)
        if edge.tensor in writes:
            body += _wires(f"{wires}_w", before)
        if edge.tensor in reads:
            body += _wires(f"{wires}_r", after)
        source = entering.get(edge.tensor, f"{wires}_w")
        sink = leaving.get(edge.tensor, f"{wires}_r")
        parameters = [
            f".IWIDTH({before.width})",
            f".OWIDTH({after.width})",
            f".DEPTH({edge.depth})",
            f'.RAM_STYLE("{_ram_style(edge.depth, has_ultraram)}")',
            f".ID({number})",
        ]
        links = [".ap_clk", ".ap_rst_n"]
        links += [f".s_axis_t{signal}({source}_t{signal})" for signal in _SIGNALS]
        links += [f".m_axis_t{signal}({sink}_t{signal})" for signal in _SIGNALS]
        body += _instance("stream_edge", f"{wires}_edge", links, parameters)
    for kernel in graph.kernels:
        links = [".ap_clk", ".ap_rst_n"]
        for port, stream in _streams(kernel):
            wires = f"{identifier(stream.tensor)}_{'r' if port.startswith('s') else 'w'}"
            links += [f".{port}_t{signal}({wires}_t{signal})" for signal in _SIGNALS]
        body += _instance(node_module(kernel), identifier(kernel.name), links)
    return _module(name, ports, body)


def refuse_collisions(names: Iterable[str]) -> None:
    """Refuse names that are the same once they are identifiers.

    Raises
    ------
    ModelError
        Naming both.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(identifier(name), name)
        if other != name:
            raise ModelError(
                f"names {other!r} and {name!r} are the same in SystemVerilog",
                fix="rename one of them",
            )


def _ram_style(depth: int, has_ultraram: bool) -> str:
    return "block" if depth > _DEEPEST_BLOCK_FIFO and not has_ultraram else "auto"


def _streams(kernel: Kernel) -> list[tuple[str, Stream]]:
    """Return the ports of a kernel's module and what they carry."""
    return [
        *((f"s_axis_{index}", stream) for index, stream in enumerate(kernel.inputs)),
        *((f"m_axis_{index}", stream) for index, stream in enumerate(kernel.outputs)),
    ]


def _apart(letter: str, port: str, index: int, offset: int, stream: Stream) -> list[str]:
    """Join one AXI-Stream port to its slice of a core's vectors."""
    payload = f"{port}_tdata[{stream.width - 1}:0]"
    core = f"{letter}dat[{offset + stream.width - 1}:{offset}]"
    if letter == "i":
        return [
            f"assign {core} = {payload};",
            f"assign ivld[{index}] = {port}_tvalid;",
            f"assign {port}_tready = irdy[{index}];",
        ]
    padding = stream.axi_width - stream.width
    return [
        *([f"assign {port}_tdata[{stream.axi_width - 1}:{stream.width}] = '0;"] if padding else []),
        f"assign {payload} = {core};",
        f"assign {port}_tvalid = ovld[{index}];",
        f"assign ordy[{index}] = {port}_tready;",
    ]


def _node_ports(kernel: Kernel) -> list[str]:
    ports = ["input  logic ap_clk", "input  logic ap_rst_n"]
    for port, stream in _streams(kernel):
        ports += _port("input" if port.startswith("s") else "output", port, stream)
    return ports


def _port(direction: str, name: str, stream: Stream) -> list[str]:
    forth, back = ("input ", "output") if direction == "input" else ("output", "input ")
    return [
        f"{forth} logic [{stream.axi_width - 1}:0] {name}_tdata",
        f"{forth} logic {name}_tvalid",
        f"{back} logic {name}_tready",
    ]


def _wires(name: str, stream: Stream) -> list[str]:
    return [
        f"logic [{stream.axi_width - 1}:0] {name}_tdata;",
        f"logic {name}_tvalid, {name}_tready;",
    ]


def _axilite_off(*, protection: bool) -> list[str]:
    tied = [*_TIED_AXILITE, *(("AWPROT", "ARPROT") if protection else ())]
    return [
        *(f".s_axilite_{name}('0)" for name in tied),
        *(f".s_axilite_{name}()" for name in _OPEN_AXILITE),
    ]


def literal(value: int | str) -> str:
    """Return a parameter's value as SystemVerilog writes it."""
    if isinstance(value, str):
        return f'"{value}"'
    # An unsized number has 32 bits; a longer one is a vector of such numbers.
    return str(value) if value < 2**31 else f"{-(-value.bit_length() // 32) * 32}'h{value:x}"


def _instance(
    module: str, name: str, ports: Sequence[str], parameters: Sequence[str] = ()
) -> list[str]:
    head = f"{module} #({', '.join(parameters)}) {name} (" if parameters else f"{module} {name} ("
    return [head, *_separated(ports), ");"]


def _module(name: str, ports: Sequence[str], body: Sequence[str]) -> str:
    lines = [f"module {name} (", *_separated(ports), ");", *(f"\t{line}" for line in body)]
    return "\n".join([*lines, "endmodule", ""])


def _separated(items: Sequence[str]) -> list[str]:
    """Return the items, one a line, with commas between them."""
    return [f"\t{item}," for item in items[:-1]] + [f"\t{items[-1]}"]
