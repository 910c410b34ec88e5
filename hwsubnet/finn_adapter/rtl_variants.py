"""RTL variants of operators that FINN has in HLS only, registered beside FINN's own.

FINN looks an operator's variants up by name. These say that RTL exists, which makes specialization
choose it, and otherwise behave as the operator itself. The RTL is this project's: it is emitted
from the node's kernel (:meth:`hwsubnet.kernels.Kernel.rtl`), never asked of the class.

Matrix units and element-wise sums have an RTL variant of FINN's under the name that one of ours
would need; where FINN's cannot serve a node, the node stays ``_hls``, and its kernel still has RTL.
"""

from typing import Any

_NAMES = (
    "DuplicateStreams",
    "FMPadding_Pixel",
    "GlobalAccPool",
    "LabelSelect",
    "Pool",
    "StreamingConcat",
    "UpsampleNearestNeighbour",
)
"""Operators of FINN 1.6.1 without an RTL variant, for which ``hls/rtl`` has a module."""


def register() -> None:
    """Make the variants known to FINN; FINN's settings must have been initialized.

    Raises
    ------
    RuntimeError
        If FINN has gained a variant of its own, which must be looked at before it is replaced.
    """
    from finn.custom_op.fpgadataflow import custom_op as operators
    from finn.custom_op.fpgadataflow.rtl import register_custom_op

    for name in _NAMES:
        register_custom_op(_variant(name, operators[name]))


def _variant(name: str, operator: type[Any]) -> type[Any]:
    from finn.custom_op.fpgadataflow.rtl import custom_op as registered
    from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend

    if f"{name}_rtl" in registered:
        raise RuntimeError(f"FINN has an RTL variant of {name} of its own now")

    def attributes(self: Any) -> dict[str, Any]:
        known: dict[str, Any] = operator.get_nodeattr_types(self)
        known.update(RTLBackend.get_nodeattr_types(self))
        return known

    def execute(self: Any, context: Any, graph: Any) -> None:
        operator.execute_node(self, context, graph)

    def refuse(self: Any, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"the RTL of {name} is emitted from its kernel, not by FINN")

    return type(
        f"{name}_rtl",
        (operator, RTLBackend),
        {
            "__doc__": f"``{name}`` with this project's RTL.",
            "get_nodeattr_types": attributes,
            "execute_node": execute,
            "generate_hdl": refuse,
            "get_rtl_file_list": refuse,
            "code_generation_ipi": refuse,
        },
    )
