"""Takes a network's graph with torch.fx, or says at which line of its code that fails."""

import inspect
import operator
import traceback
from pathlib import Path
from typing import Any

import torch
from brevitas.nn.mixin.base import QuantLayerMixin
from torch import fx, nn

from hwsubnet.errors import ModelError
from hwsubnet.prune.masks import ChannelMask
from hwsubnet.quant import QuantAdd, QuantCat

_NOT_THE_USERS = (Path(torch.__file__).parent, Path(__file__))


class _Proxy(fx.Proxy):
    """Keeps apart what works in place: all names of a tensor then have its new value."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __isub__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.isub, (self, other), {})

    def __imul__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})


class _Tracer(fx.Tracer):
    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        own = isinstance(module, ChannelMask | QuantAdd | QuantCat | QuantLayerMixin)
        return own or super().is_leaf_module(module, qualified_name)


def capture(model: nn.Module) -> fx.Graph:
    """Return the graph of a forward pass.

    Arguments of ``forward`` that have a default (a number, a string or None) keep it; the others
    are the network's inputs.

    Raises
    ------
    ModelError
        If the network cannot be traced, naming the line of its code.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            "is TorchScript, which cannot be traced",
            where=type(model).__name__,
            fix="give the module that it was made of",
        )
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(model.forward).parameters.items()
        if parameter.default is None or isinstance(parameter.default, bool | int | float | str)
    }
    try:
        graph = _Tracer().trace(model, concrete_args=defaults or None)
    except Exception as error:
        place, code = _line(error)
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(
            f"{type(model).__name__} cannot be traced by torch.fx at {code!r} ({reason})",
            where=place,
            fix="let forward do the same for every input: no branches or loops on tensors",
        ) from error
    for node in graph.find_nodes(op="placeholder"):
        if str(node.target).startswith("*") and node.users:
            raise ModelError(
                f"takes any number of inputs ({node.target})",
                where=type(model).__name__,
                fix="name them one by one in forward",
            )
        if str(node.target).startswith("*"):
            graph.erase_node(node)
    return _without_defaults(graph) if defaults else graph


def _line(error: Exception) -> tuple[str, str]:
    """Where the user's code stood, and that line."""
    frames = traceback.extract_tb(error.__traceback__)
    users = [
        frame
        for frame in frames
        if not any(Path(frame.filename).is_relative_to(path) for path in _NOT_THE_USERS)
    ]
    frame = (users or list(frames))[-1]
    return f"{frame.filename}:{frame.lineno}", (frame.line or frame.name).strip()


def _without_defaults(graph: fx.Graph) -> fx.Graph:
    """Leave out the arguments that keep their defaults, and the checks that fx makes of them."""
    fixed: set[fx.Node] = set()
    for node in graph.nodes:
        default = node.op == "placeholder" and bool(node.args)
        if default or (node.all_input_nodes and fixed.issuperset(node.all_input_nodes)):
            fixed.add(node)
    copied = fx.Graph()
    new: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node not in fixed:
            new[node] = copied.node_copy(node, lambda n: _of(new, n))
    return copied


def _of(new: dict[fx.Node, fx.Node], node: Any) -> fx.Node:
    return new[node]
