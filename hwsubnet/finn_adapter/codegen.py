"""RTL of one FINN node, as texts that name no folder of this machine."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from os.path import normpath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hwsubnet.errors import ModelError, ToolError
from hwsubnet.finn_adapter.session import initialize
from hwsubnet.finn_adapter.staging import WINDOW_TEMPLATE, rewrite

DATA = "data"
"""Folder of memory contents, relative to where a tool that reads the RTL runs."""

_WEIGHT_STREAMER = (
    "axi/hdl/axilite.sv",
    "memstream/hdl/memstream.sv",
    "memstream/hdl/memstream_axi.sv",
)
_ALSO_NEEDED = {
    # get_rtl_file_list of finn-plus 1.6.1 forgets it.
    "FMPadding_rtl": ("axi/hdl/axilite.sv",),
}


@dataclass(frozen=True)
class FinnRtl:
    """What FINN generates for a node.

    Parameters
    ----------
    module
        Name of FINN's top module of the node; ports ``in<i>_V_T*`` and ``out<i>_V_T*``.
    generated
        Texts of the node's own files, by name.
    library
        Files of finn-rtllib that they need, in the order of compilation.
    memories
        Texts of memory contents, by their path relative to the build folder.
    axilite
        Whether the module has an AXI-Lite port (for reloading parameters, tied off here).
    selects_set
        Whether it has a stream that selects a set of parameters (tied off here).
    streamer
        Name of the module that streams the node's weights into ``in1_V``, if it has one.
    streamer_width
        Bits of a word of that stream, padded to bytes.
    """

    module: str
    generated: Mapping[str, str]
    library: tuple[str, ...]
    memories: Mapping[str, str]
    axilite: bool
    selects_set: bool
    streamer: str | None
    streamer_width: int = 0


def load_graph(path: Path) -> Any:
    """Return the folded graph in the ONNX file `path` as a qonnx ``ModelWrapper``."""
    initialize()
    from qonnx.core.modelwrapper import ModelWrapper

    return ModelWrapper(str(path))


def generate(model: Any, node: Any, part: str, clock_ns: float) -> FinnRtl:
    """Let FINN write the RTL of `node`.

    Parameters
    ----------
    model
        The folded graph (a qonnx ``ModelWrapper``) that holds the node; left unchanged.
    node
        An ``onnx.NodeProto`` of a FINN RTL operator.
    part
        The FPGA's full name.
    clock_ns
        Target clock period in ns.

    Raises
    ------
    ModelError
        If the node is not one of FINN's RTL operators, or asks for what cannot be stitched here.
    ToolError
        If what FINN generates is not what this adapter was written for.
    """
    from qonnx.custom_op.registry import getCustomOp

    if not node.domain.endswith(".rtl"):
        raise ModelError(
            f"operator {node.op_type!r} has no RTL, neither FINN's nor this project's",
            where=node.name,
        )
    operator = getCustomOp(node)
    _refuse_unsupported(operator, node)
    with _scratch(operator) as folder:
        operator.generate_hdl(model, part, clock_ns)
        listed = [normpath(path) for path in operator.get_rtl_file_list(abspath=True)]
        width = int(operator.get_instream_width_padded(1)) if len(node.input) > 1 else 0
        rtl = _collect(node, folder, listed, width)
    windows = node.op_type == "ConvolutionInputGenerator_rtl"
    if windows and operator.select_impl_style() == "default":
        name = f"{node.name}_impl.sv"
        text = rewrite(WINDOW_TEMPLATE, rtl.generated[name])
        return replace(rtl, generated={**rtl.generated, name: text})
    return rtl


def _refuse_unsupported(operator: Any, node: Any) -> None:
    allowed: dict[str, set[object]] = {
        "mem_mode": {"internal_decoupled"},
        "runtime_writeable_weights": {0},
        "pumpedCompute": {0},
        "pumpedMemory": {0},
        "TH": {1},
        "dynamic_mode": {0},
    }
    known = operator.get_nodeattr_types()
    for name, values in allowed.items():
        if name in known and (value := operator.get_nodeattr(name)) not in values:
            raise ModelError(
                f"{name} = {value!r} cannot be stitched",
                where=node.name,
                fix=f"set it to {min(values, key=str)!r}",
            )


@contextmanager
def _scratch(operator: Any) -> Iterator[Path]:
    """Point FINN's code generation at a temporary folder, and the node back afterwards."""
    attributes = ("code_gen_dir_ipgen", "gen_top_module", "ipgen_path", "ip_path")
    before = {name: operator.get_nodeattr(name) for name in attributes}
    with TemporaryDirectory(prefix="hwsubnet-") as name:
        operator.set_nodeattr("code_gen_dir_ipgen", name)
        try:
            yield Path(name)
        finally:
            for attribute, value in before.items():
                operator.set_nodeattr(attribute, value)


def _collect(node: Any, folder: Path, listed: list[str], width: int) -> FinnRtl:
    library_root = normpath(str(files("finn") / "finn-rtllib")) + "/"
    library = [path.removeprefix(library_root) for path in listed if path.startswith(library_root)]
    library += _ALSO_NEEDED.get(node.op_type, ())
    streamer = f"{node.name}_memstream_wrapper"
    has_streamer = (folder / f"{streamer}.v").is_file()
    if has_streamer:
        library += _WEIGHT_STREAMER
    prefix = f"{node.name}_"
    memories, renamed = {}, {}
    for path in sorted(folder.glob("*.dat")):
        name = path.name if path.name.startswith(prefix) else prefix + path.name
        memories[f"{DATA}/{name}"] = path.read_text(encoding="ascii")
        renamed[str(path)] = f"{DATA}/{name}"
    renamed[f'"./{prefix}"'] = f'"{DATA}/{prefix}"'  # the stem of threshold files
    generated = {}
    for path in sorted([*folder.glob("*.v"), *folder.glob("*.sv")]):
        text = path.read_text(encoding="utf-8")
        for old, new in renamed.items():
            text = text.replace(old, new)
        _refuse_paths(text, folder, node)
        generated[path.name] = text
    shell = _module_text("\n".join(generated.values()), node)
    return FinnRtl(
        module=node.name,
        generated=generated,
        library=tuple(dict.fromkeys(library)),
        memories=memories,
        axilite="s_axilite_AWVALID" in shell,
        selects_set="in1_V_TVALID" in shell and not has_streamer,
        streamer=streamer if has_streamer else None,
        streamer_width=width,
    )


def _module_text(text: str, node: Any) -> str:
    """Return the text of the module named like the node, its header included."""
    start = re.search(rf"^module\s+{re.escape(node.name)}\b", text, re.MULTILINE)
    if start is None:
        raise ToolError(
            f"FINN {version('finn-plus')} no longer names the top module of {node.op_type} like "
            f"its node, {node.name!r}",
            fix="install the finn-plus version that pyproject.toml pins",
        )
    return text[start.start() : text.index("endmodule", start.start())]


def _refuse_paths(text: str, folder: Path, node: Any) -> None:
    if str(folder) in text:
        raise ToolError(
            f"FINN {version('finn-plus')} writes a path into the RTL of {node.op_type} that "
            "cannot be made relative",
            fix="install the finn-plus version that pyproject.toml pins",
        )
