"""One way to write what can be written in many: functions as modules, views as flattenings."""

import copy
import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from hwsubnet.errors import ModelError
from hwsubnet.prune import operations as ops
from hwsubnet.prune.capture import capture
from hwsubnet.quant import WEIGHT_LAYERS

_NOT_OF_THE_MODULE = {"training", "inplace", "_stacklevel", "dtype", "input"}
_IN_PLACE: dict[Any, Callable[..., Any]] = {
    operator.iadd: operator.add, "add_": operator.add,
    operator.isub: operator.sub, "sub_": operator.sub,
    operator.imul: operator.mul, "mul_": operator.mul,
}  # fmt: skip
"""What changes a tensor, and what gives a new one."""
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)


@dataclass
class Draft:
    """A network on its way: a graph, and the modules that it calls.

    Attributes
    ----------
    graph, modules
        Calls, and what they call by path; a module without weights is called once.
    root
        Holds the parameters that the graph reads by themselves.
    """

    graph: fx.Graph
    modules: dict[str, nn.Module]
    root: nn.Module

    def owner(self, node: fx.Node) -> str:
        """Path of the module whose code makes the call, empty for the network itself."""
        if node.op == "call_module":
            return str(node.target).rpartition(".")[0]
        stack = list(node.meta.get("nn_module_stack", {}).values())
        return str(stack[-1][0]) if stack else ""

    def add(self, node: fx.Node, role: str, module: nn.Module) -> str:
        """Give `module` a free path beside what `node` calls; return the path."""
        owner = self.owner(node)
        return self.put(f"{owner}.{role}" if owner else role, module)

    def put(self, path: str, module: nn.Module) -> str:
        """Give `module` a path, with a number behind it if it is taken; return the path."""
        free, number = path, 0
        while free in self.modules:
            number += 1
            free = f"{path}_{number}"
        self.modules[free] = module
        return free


def draft(model: nn.Module) -> Draft:
    """Trace a copy of `model` and write it in the canonical way.

    Raises
    ------
    ModelError
        If it cannot be traced, or if training takes another way than evaluation.
    """
    model = copy.deepcopy(model)
    for name, module in model.named_modules():
        _settle(name, module)
    modes = {module: module.training for module in model.modules()}
    drafts = []
    for mode in (True, False):
        model.train(mode)
        drafts.append(_canonical(Draft(capture(model), dict(model.named_modules()), model)))
    for module, mode in modes.items():
        module.training = mode
    training, evaluation = (_code(one.graph) for one in drafts)
    for line, other in zip(training, evaluation, strict=False):
        if line != other:
            raise ModelError(
                f"does {line!r} in training, but {other!r} in evaluation",
                where=type(model).__name__,
                fix="leave out what only training computes",
            )
    if len(training) != len(evaluation):
        raise ModelError(
            "computes in training what it does not in evaluation, or the other way round",
            where=type(model).__name__,
            fix="leave it out",
        )
    return drafts[0]


def _settle(name: str, module: nn.Module) -> None:
    """Let a user's class that computes what its base of PyTorch does be that base.

    Raises
    ------
    ModelError
        If the weights of a layer are computed, and so cannot be quantized.
    """
    for place, kind in enumerate(type(module).__mro__):
        if kind.__module__.startswith("torch.nn.modules"):
            own = type(module).__mro__[:place]
            if not any({"forward", "_conv_forward"} & vars(one).keys() for one in own):
                module.__class__ = kind
            break
    if isinstance(module, WEIGHT_LAYERS) and "weight" not in module._parameters:
        raise ModelError(
            "computes its weights from other parameters",
            where=name,
            fix="remove the parametrization (torch.nn.utils.parametrize) before converting",
        )


def _code(graph: fx.Graph) -> list[str]:
    return [line.strip().partition(";")[0] for line in graph.python_code("self").src.splitlines()]


def _canonical(draft: Draft) -> Draft:
    called: set[str] = set()
    for node in list(draft.graph.nodes):
        if node.op in ("call_function", "call_method"):
            _function(draft, node)
        elif node.op == "call_module":
            if node.target in called and not draft.modules[node.target].state_dict():
                node.target = draft.put(node.target, copy.copy(draft.modules[node.target]))
            called.add(str(node.target))
            _module(draft, node)
    for node in reversed(draft.graph.nodes):  # such as sizes that nothing asks for any more
        if not node.users and node.op not in ("placeholder", "output"):
            draft.graph.erase_node(node)
    return draft


def _function(draft: Draft, node: fx.Node) -> None:
    if node.target in ops.MODULE_OF and not node.kwargs.get("out"):
        named = str(getattr(node.target, "__name__", node.target)).endswith("_")
        _refuse_aliases(node, in_place=named or bool(node.kwargs.get("inplace")))
        options = _options(node, training=draft.root.training)
        if options is not None:
            kind = ops.MODULE_OF[node.target]
            name = kind.__name__.lower()
            _call(node, draft.add(node, name, kind(**options)))
    elif node.target in ops.CLAMPS:
        _clamp(draft, node)
    elif node.target in _IN_PLACE:
        _refuse_aliases(node, in_place=not _is_number(node))
        node.op, node.target = "call_function", _IN_PLACE[node.target]
    elif node.target == "expand_as" and all(user.target in ops.PRODUCTS for user in node.users):
        node.replace_all_uses_with(node.all_input_nodes[0])  # products broadcast by themselves
    elif node.target in ops.RESHAPE:
        sizes = ops.new_shape(node)
        of_batch = bool(sizes) and (sizes[0] == -1 or isinstance(sizes[0], fx.Node))
        if of_batch and len(sizes) == 2:
            _replace(node, torch.flatten, 1)
        elif of_batch and sizes[2:] == (1, 1):
            with draft.graph.inserting_before(node):
                column = draft.graph.call_function(torch.unsqueeze, (node.args[0], 2))
            node.args = (column,)
            _replace(node, torch.unsqueeze, 3)
        elif of_batch and len(sizes) == 4 and all(type(size) is int for size in sizes[2:]):
            # The number of channels follows from the tensor, also when some have been removed.
            _call(node, draft.add(node, "unflatten", nn.Unflatten(1, (-1, *sizes[2:]))))


def _clamp(draft: Draft, node: fx.Node) -> None:
    """Write a clamp as a ReLU, or as what has two bounds; others stay."""
    low, high = (ops.argument(node, place, name) for place, name in ((1, "min"), (2, "max")))
    _refuse_aliases(node, in_place=str(node.target).endswith("_"))
    if low == 0 and high is None:
        _call(node, draft.add(node, "relu", nn.ReLU()))
    elif all(type(bound) in (int, float) for bound in (low, high)) and low <= 0 <= high:
        _call(node, draft.add(node, "hardtanh", nn.Hardtanh(low, high)))


def _module(draft: Draft, node: fx.Node) -> None:
    module: Any = draft.modules[str(node.target)]
    if getattr(module, "inplace", False):
        _refuse_aliases(node, in_place=True)
    if hasattr(module, "inplace"):
        module.inplace = False
    if ops.is_plain_instance_norm(module):
        # As a function it does not insist on a number of channels.
        node.op, node.target = "call_function", nn.functional.instance_norm
        node.kwargs = {"eps": module.eps}


def _replace(node: fx.Node, function: Callable[..., Any], axis: int) -> None:
    node.op, node.target = "call_function", function
    node.args, node.kwargs = (node.args[0], axis), {}


def _call(node: fx.Node, path: str) -> None:
    node.op, node.target = "call_module", path
    node.args, node.kwargs = node.args[:1] or (node.kwargs["input"],), {}


def _options(node: fx.Node, *, training: bool) -> dict[str, Any] | None:
    """Return what the module takes for a function's arguments.

    None if a node is among them, and for a dropout that does not follow the network's mode.
    """
    kind = ops.MODULE_OF[node.target]
    names = list(inspect.signature(kind).parameters)
    if issubclass(kind, _DROPOUTS):
        names.insert(1, "training")
    given = dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)
    if any(isinstance(value, fx.Node) for name, value in given.items() if name != "input"):
        return None
    if issubclass(kind, _DROPOUTS) and given.get("training") is not training:
        return None
    return {name: value for name, value in given.items() if name not in _NOT_OF_THE_MODULE}


def _is_number(node: fx.Node) -> bool:
    """Whether a node is a size, or computed from sizes."""
    if node.target in ops.SIZES:
        return True
    return bool(node.all_input_nodes) and all(_is_number(one) for one in node.all_input_nodes)


def _refuse_aliases(node: fx.Node, *, in_place: bool) -> None:
    """Refuse to work in place on what is read again, for then all readers see the change."""
    source = node.all_input_nodes[0]
    if in_place and any(node < user for user in source.users):
        raise ModelError(
            "works in place on a tensor that is read again later",
            where=getattr(node.target, "__name__", node.target),
            fix="set inplace=False or write a = a + b, or reuse its result",
        )
