"""A folded graph as RTL: FINN's modules, this project's own, and the top that joins them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from hwsubnet.artifacts import File, RtlDesign, RtlEdge, scratch_folder, write_text
from hwsubnet.emit import stitch
from hwsubnet.errors import ModelError
from hwsubnet.finn_adapter.codegen import generate, load_graph
from hwsubnet.finn_adapter.staging import stage
from hwsubnet.kernels import KernelGraph, read_graph
from hwsubnet.resources import shipped

TOP = "accelerator"
DEFAULT_DEPTH = 2
"""Words that an edge's FIFO holds where nothing else is asked: one entering, one leaving."""
SOURCES = "rtl"
"""Folder of the sources inside a design's folder."""


def emit_rtl(
    folded: Path,
    out: Path,
    *,
    part: str,
    clock_mhz: float,
    depths: Mapping[str, int] | None = None,
    has_ultraram: bool = False,
) -> RtlDesign:
    """Write the accelerator's RTL and its record into `out`.

    Parameters
    ----------
    folded
        The folded dataflow graph, an ONNX file.
    out
        Folder of the design; created, what was there is replaced.
    part
        The FPGA's full name.
    clock_mhz
        Target clock.
    depths
        FIFO depth by tensor (see `RtlEdge.depth`); `DEFAULT_DEPTH` where none is given.
    has_ultraram
        Whether the part has UltraRAM.

    Returns
    -------
    RtlDesign
        Also saved as ``rtl.json``, written last.

    Raises
    ------
    ModelError
        If the graph cannot be read, or a node has no RTL.
    FoldingError
        If a folding breaks a divisor rule.
    ToolError
        If the installed FINN is not the one that the adapter was written for.
    """
    graph = read_graph(folded)
    edges = _edges(graph, dict(depths or {}))
    stitch.refuse_collisions(kernel.name for kernel in graph.kernels)
    stitch.refuse_collisions(edge.tensor for edge in edges)
    texts, memories = _texts(folded, graph, part, 1000 / clock_mhz)
    texts[f"{TOP}.sv"] = stitch.top(TOP, graph, edges, has_ultraram=has_ultraram)
    sources = {f"{SOURCES}/{name}": text for name, text in texts.items()}
    with scratch_folder(out.parent) as scratch:
        fresh = scratch / "design"
        for name, text in (sources | memories).items():
            write_text(fresh / name, text)
        shutil.copyfile(folded, fresh / "folded.onnx")
        design = RtlDesign(
            top=TOP,
            part=part,
            clock_mhz=clock_mhz,
            graph=File.of(fresh, "folded.onnx"),
            sources=tuple(File.of(fresh, name) for name in sources),
            memories=tuple(File.of(fresh, name) for name in memories),
            modules={kernel.name: stitch.node_module(kernel) for kernel in graph.kernels},
            edges=edges,
        )
        design.save(fresh)
        if out.exists():
            out.rename(scratch / "replaced")
        fresh.rename(out)
    return design


def _edges(graph: KernelGraph, depths: dict[str, int]) -> tuple[RtlEdge, ...]:
    """One edge per tensor: the accelerator's inputs first, then in the order they are written."""
    sources = {stream.tensor: kernel.name for kernel in graph.kernels for stream in kernel.outputs}
    sinks = {stream.tensor: kernel.name for kernel in graph.kernels for stream in kernel.inputs}
    tensors = [stream.tensor for stream in graph.inputs] + list(sources)
    unknown = sorted(set(depths) - set(tensors))
    if unknown:
        raise ModelError(
            f"FIFO depth given for {unknown[0]!r}, which is no stream of the graph",
            fix=f"its streams are {', '.join(tensors)}",
        )
    for tensor, depth in depths.items():
        if depth < 0 or depth == 1:
            raise ModelError(
                f"FIFO depth {depth} of {tensor!r} is not possible", fix="use 0, or 2 and above"
            )
    return tuple(
        RtlEdge(
            tensor=tensor,
            source=sources.get(tensor),
            sink=sinks.get(tensor),
            depth=depths.get(tensor, DEFAULT_DEPTH),
        )
        for tensor in tensors
    )


def _texts(
    folded: Path, graph: KernelGraph, part: str, clock_ns: float
) -> tuple[dict[str, str], dict[str, str]]:
    """Return sources in the order of compilation, and memories: texts by path."""
    model = load_graph(folded)
    nodes = {node.name: node for node in model.graph.node}
    library: list[str] = list(stitch.EDGE_LIBRARY)
    own: list[str] = list(stitch.EDGE_SOURCES)
    generated: dict[str, str] = {}
    memories: dict[str, str] = {}
    for kernel in graph.kernels:
        instance = kernel.rtl()
        if instance is not None:
            own += instance.sources
            text, contents = stitch.own_node(kernel, instance)
        else:
            finn = generate(model, nodes[kernel.name], part, clock_ns)
            library += finn.library
            generated |= finn.generated
            text, contents = stitch.finn_node(kernel, finn), dict(finn.memories)
        generated[f"{stitch.node_module(kernel)}.sv"] = text
        memories |= contents
    # Packages must be compiled before the modules that import them.
    ordered = sorted(dict.fromkeys(library), key=lambda path: not path.endswith("_pkg.sv"))
    texts = {f"finn/{Path(path).name}": stage(path) for path in ordered}
    folder = shipped("hls") / "rtl"
    texts |= {name: (folder / name).read_text(encoding="utf-8") for name in dict.fromkeys(own)}
    return texts | generated, memories
