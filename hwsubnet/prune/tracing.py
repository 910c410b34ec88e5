"""Follows every channel of a network from the layer that makes it to the layers that read it."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from brevitas.nn.mixin.base import QuantLayerMixin
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from hwsubnet.errors import ModelError
from hwsubnet.prune.importance import output_axis
from hwsubnet.prune.masks import ChannelMask
from hwsubnet.quant import QuantAdd, QuantIdentity

ZERO_PRESERVING = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh, nn.Tanh, nn.Dropout, nn.Dropout2d,
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample,
    QuantIdentity,
)  # fmt: skip
"""Modules that act on each channel by itself and turn a channel of zeros into zeros."""

ZERO_PRESERVING_FUNCTIONS: tuple[Callable[..., Any] | str, ...] = (
    torch.relu, functional.relu, functional.relu6, functional.leaky_relu, functional.dropout,
    functional.max_pool2d, functional.avg_pool2d, functional.adaptive_avg_pool2d,
    functional.interpolate, torch.mean, "relu", "mean", "contiguous",
)  # fmt: skip
ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
PRODUCTS = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
FLATTENINGS = (torch.flatten, torch.reshape, "flatten", "view", "reshape")
SIZES = (getattr, operator.getitem, "size", "dim")


@dataclass(frozen=True)
class Value:
    """The channels of a tensor.

    Attributes
    ----------
    atoms
        One number per channel along axis 1, equal for a channel that appears again; None for the
        network's input, whose channels are not known.
    masked
        Whether a removed channel is sure to be zero here.
    flat
        Whether axis 1 is channels times positions, each channel's positions adjacent.
    """

    atoms: tuple[int, ...] | None
    masked: bool
    flat: bool = False


class _Sets:
    """Disjoint sets of integers (union-find); a set is named by its smallest member."""

    def __init__(self) -> None:
        self.parent: list[int] = []

    def add(self) -> int:
        self.parent.append(len(self.parent))
        return len(self.parent) - 1

    def find(self, item: int) -> int:
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        one, other = self.find(one), self.find(other)
        self.parent[max(one, other)] = min(one, other)


@dataclass
class Trace:
    """What was found: channels as numbered atoms, and the modules that handle them."""

    modules: dict[str, nn.Module]
    roles: dict[str, dict[str, tuple[int, ...]]] = field(
        default_factory=lambda: {"producer": {}, "norm": {}, "site": {}, "consumer": {}}
    )
    frozen: set[int] = field(default_factory=set)
    """Atoms of channels that must stay."""
    _channels: _Sets = field(default_factory=_Sets)
    _groups: _Sets = field(default_factory=_Sets)

    @property
    def atoms(self) -> int:
        """How many atoms there are."""
        return len(self._channels.parent)

    def tied(self, atom: int) -> int:
        """Name of the channel that `atom` is."""
        return self._channels.find(atom)

    def together(self, atom: int) -> int:
        """Name of the group that `atom` belongs to."""
        return self._groups.find(atom)

    def new(self, count: int) -> tuple[int, ...]:
        """Make the channels of one layer's output."""
        atoms = tuple(self._channels.add() for _ in range(count))
        for _ in atoms:
            self._groups.join(self._groups.add(), atoms[0])
        return atoms

    def tie(self, one: Sequence[int], other: Sequence[int]) -> None:
        """Say that two lists of channels are the same, one by one."""
        for a, b in zip(one, other, strict=True):
            self._channels.join(a, b)
            self._groups.join(a, b)

    def record(self, role: str, name: str, atoms: tuple[int, ...]) -> None:
        """Note that module `name` handles `atoms`; a second call ties them to the first's."""
        first = self.roles[role].setdefault(name, atoms)
        self.tie(first, atoms)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        own = isinstance(module, ChannelMask | QuantAdd | QuantLayerMixin)
        return own or super().is_leaf_module(module, qualified_name)


def trace(model: nn.Module) -> Trace:
    """Follow the channels of `model`.

    Raises
    ------
    ModelError
        If the network cannot be traced, or holds an operation that is not understood.
    """
    try:
        graph = _Tracer().trace(model)
    except (fx.proxy.TraceError, TypeError) as error:
        raise ModelError(
            f"cannot be traced by torch.fx ({error})",
            where=type(model).__name__,
            fix="avoid branches on tensor values in forward",
        ) from error
    found = Trace(dict(model.named_modules()))
    values: dict[fx.Node, Value] = {}
    for node in graph.nodes:
        inputs = [values[n] for n in node.all_input_nodes if n in values]
        if node.op == "placeholder":
            values[node] = Value(None, masked=False)
        elif node.op == "output":
            for value in inputs:
                found.frozen.update(value.atoms or ())
        elif node.op == "call_module":
            values[node] = _module(found, str(node.target), inputs)
        elif node.op in ("call_function", "call_method"):
            if node.target not in SIZES:
                values[node] = _function(found, node, inputs)
        else:
            raise ModelError(f"reads {node.target} directly", where=type(model).__name__)
    return found


def _module(found: Trace, name: str, inputs: list[Value]) -> Value:
    module = found.modules[name]
    value = inputs[0]
    if isinstance(module, _ConvNd):
        return _convolution(found, name, module, value)
    if isinstance(module, nn.Linear):
        _consume(found, name, _stretch(name, value, module.in_features))
        return _produce(found, name, module.out_features)
    if isinstance(module, _BatchNorm):
        value = _stretch(name, value, module.num_features)
        if value.atoms is not None:
            found.record("norm", name, value.atoms)
        return Value(value.atoms, masked=False, flat=value.flat)
    if isinstance(module, ChannelMask):
        value = _stretch(name, value, len(module.keep))
        if value.atoms is not None:
            found.record("site", name, value.atoms)
        return Value(value.atoms, masked=True, flat=value.flat)
    if isinstance(module, QuantAdd):
        return _tie(found, name, inputs, masked=all(v.masked for v in inputs))
    if isinstance(module, nn.Flatten):
        return Value(value.atoms, value.masked, flat=True)
    if isinstance(module, ZERO_PRESERVING):
        return value
    raise ModelError(
        f"what {type(module).__name__} does to channels is not known",
        where=name,
        fix="use convolutions, linear layers, norms, ReLU, pooling, additions and concatenations",
    )


def _function(found: Trace, node: fx.Node, inputs: list[Value]) -> Value:
    if node.target in ADDITIONS:
        constant = len(inputs) < len(node.args)
        masked = all(value.masked for value in inputs) and not constant
        return _tie(found, node.name, inputs, masked)
    if node.target in PRODUCTS:
        return _tie(found, node.name, inputs, masked=any(value.masked for value in inputs))
    if node.target in (torch.cat, torch.concat):
        return _concatenate(node, inputs)
    if node.target in FLATTENINGS:
        return Value(inputs[0].atoms, inputs[0].masked, flat=True)
    if node.target in ZERO_PRESERVING_FUNCTIONS:
        return inputs[0]
    raise ModelError(f"what {node.target} does to channels is not known", where=node.name)


def _convolution(found: Trace, name: str, module: _ConvNd, value: Value) -> Value:
    if module.groups == 1:
        _consume(found, name, value)
        return _produce(found, name, module.out_channels)
    if module.groups == module.in_channels and value.atoms is not None:
        if output_axis(module) == 1:
            raise ModelError("transposed depthwise convolutions are not supported", where=name)
        times = module.out_channels // module.in_channels
        atoms = tuple(atom for atom in value.atoms for _ in range(times))
        found.record("producer", name, atoms)
        return Value(atoms, masked=False)
    # Several channels per convolution group: removing one would need the group's whole shape.
    found.frozen.update(value.atoms or ())
    output = _produce(found, name, module.out_channels)
    found.frozen.update(output.atoms or ())
    return output


def _consume(found: Trace, name: str, value: Value) -> None:
    if value.atoms is None:
        return
    found.record("consumer", name, value.atoms)
    if not value.masked:
        found.frozen.update(value.atoms)


def _produce(found: Trace, name: str, channels: int) -> Value:
    atoms = found.roles["producer"].get(name) or found.new(channels)
    found.record("producer", name, atoms)
    return Value(atoms, masked=False)


def _stretch(name: str, value: Value, size: int) -> Value:
    """Repeat each channel for its positions, where `value` is a flattened image."""
    if value.atoms is None or len(value.atoms) == size:
        return value
    positions, rest = divmod(size, len(value.atoms))
    if rest or not value.flat:
        raise ModelError(f"expects {size} channels, gets {len(value.atoms)}", where=name)
    atoms = tuple(atom for atom in value.atoms for _ in range(positions))
    return Value(atoms, value.masked, flat=True)


def _tie(found: Trace, name: str, inputs: list[Value], masked: bool) -> Value:
    known = [value for value in inputs if value.atoms is not None]
    flat = any(value.flat for value in inputs)
    if not known:
        return Value(None, masked=False, flat=flat)
    first = known[0].atoms or ()
    for other in known[1:]:
        atoms = other.atoms or ()
        if len(atoms) != len(first):
            raise ModelError(f"joins {len(first)} and {len(atoms)} channels", where=name)
        found.tie(first, atoms)
    if len(known) < len(inputs):
        found.frozen.update(first)  # tied to the network's input
    return Value(first, masked, flat)


def _concatenate(node: fx.Node, inputs: list[Value]) -> Value:
    axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    atoms = [value.atoms for value in inputs]
    if axis != 1 or None in atoms or any(value.flat for value in inputs):
        raise ModelError(
            "only feature maps can be concatenated, along their channels (dim=1)", where=node.name
        )
    joined = tuple(atom for part in atoms for atom in part or ())
    return Value(joined, masked=all(value.masked for value in inputs))
