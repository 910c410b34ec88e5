"""Follows every channel of a network from the layer that makes it to the layers that read it."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from hwsubnet.errors import ModelError
from hwsubnet.prune import operations as ops
from hwsubnet.prune.capture import capture
from hwsubnet.prune.importance import output_axis
from hwsubnet.prune.masks import ChannelMask
from hwsubnet.quant import QuantAdd, QuantCat


@dataclass(frozen=True)
class Value:
    """The channels of a tensor.

    Attributes
    ----------
    atoms
        One number per channel along axis 1, equal for a channel that appears again; None where
        the channels are not known.
    masked
        Whether a removed channel is sure to be zero here.
    flat
        Whether axis 1 is channels times positions, each channel's positions adjacent.
    opaque
        Whether even the axis of the channels is not known.
    """

    atoms: tuple[int, ...] | None
    masked: bool
    flat: bool = False
    opaque: bool = False


INPUT = Value(None, masked=False)
OPAQUE = Value(None, masked=False, opaque=True)


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

    modules: Mapping[str, nn.Module]
    roles: dict[str, dict[str, tuple[int, ...]]] = field(
        default_factory=lambda: {"producer": {}, "norm": {}, "site": {}, "consumer": {}}
    )
    frozen: dict[int, str] = field(default_factory=dict)
    """Atoms of channels that must stay, and why."""
    values: dict[fx.Node, Value] = field(default_factory=dict)
    """By node; nodes that compute sizes are left out."""
    parts: dict[fx.Node, tuple[Value, ...]] = field(default_factory=dict)
    """Of nodes that cut a tensor into several."""
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

    def freeze(self, value: Value, why: str) -> None:
        """Say that the channels of a value must stay; the first reason is kept."""
        for atom in value.atoms or ():
            self.frozen.setdefault(atom, why)

    def record(self, role: str, name: str, atoms: tuple[int, ...]) -> None:
        """Note that module `name` handles `atoms`; a second call ties them to the first's."""
        first = self.roles[role].setdefault(name, atoms)
        self.tie(first, atoms)


def trace(model: nn.Module) -> Trace:
    """Follow the channels of `model`.

    Raises
    ------
    ModelError
        If the network cannot be traced, or its layers do not fit together.
    """
    return follow(capture(model), dict(model.named_modules()))


def follow(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> Trace:
    """Follow the channels through a graph of calls to `modules`.

    Channels that go through an operation that is not understood stay where they are.

    Raises
    ------
    ModelError
        If layers do not fit together.
    """
    found = Trace(modules)
    for node in graph.nodes:
        inputs = [found.values[n] for n in _operands(node) if n in found.values]
        if node.op == "placeholder":
            found.values[node] = INPUT
        elif node.op == "get_attr":
            found.values[node] = OPAQUE
        elif node.op == "output":
            for value in inputs:
                found.freeze(value, "reach the network's output")
        elif node.target is operator.getitem and node.args[0] in found.parts:
            found.values[node] = found.parts[node.args[0]][node.args[1]]
        elif node.target in ops.CHUNKS and inputs:
            found.parts[node] = _chunk(found, node, inputs[0])
        elif node.target in ops.SIZES or not inputs:
            continue  # a size, or a constant
        elif node.op == "call_module":
            found.values[node] = _module(found, str(node.target), inputs)
        else:
            found.values[node] = _function(found, node, inputs)
    return found


def _operands(node: fx.Node) -> list[fx.Node]:
    """Return the nodes that a call reads, in order, one that is read twice twice."""
    read: list[fx.Node] = []

    def note(operand: fx.Node) -> fx.Node:
        read.append(operand)
        return operand

    fx.map_arg((node.args, node.kwargs), note)
    return read


def _module(found: Trace, name: str, inputs: list[Value]) -> Value:
    module = found.modules[name]
    value = inputs[0]
    kind = type(module).__name__
    if isinstance(module, _ConvNd):
        return _convolution(found, name, module, value)
    if isinstance(module, nn.Linear):
        return _linear(found, name, module, value)
    if isinstance(module, ops.ZERO_PRESERVING) or ops.is_plain_instance_norm(module):
        if getattr(module, "num_parameters", 1) != 1:  # a PReLU with a slope for each channel
            found.freeze(value, f"go through {kind} at {name}")
        return value
    if isinstance(module, _BatchNorm | _InstanceNorm):
        return _at(found, "norm", name, value, module.num_features, masked=False)
    if isinstance(module, ChannelMask):
        return _at(found, "site", name, value, len(module.keep), masked=True)
    if isinstance(module, QuantAdd):
        return _tie(found, inputs, masked=all(v.masked for v in inputs))
    if isinstance(module, QuantCat):
        return _concatenate(found, inputs)
    if isinstance(module, nn.Flatten):
        return _flatten(found, value, first=module.start_dim, last=module.end_dim)
    if isinstance(module, nn.Unflatten):
        return _unflatten(found, module, value)
    if isinstance(module, ops.CHANNELWISE):
        return replace(value, masked=False)
    if isinstance(module, ops.MIXING):
        return _mix(found, value, f"{kind} at {name}")
    return _lose(found, inputs, f"{kind} at {name}")


def _function(found: Trace, node: fx.Node, inputs: list[Value]) -> Value:
    target, value = node.target, inputs[0]
    if target in ops.ADDITIONS or target in ops.SUBTRACTIONS:
        constant = len(inputs) < 2
        return _tie(found, inputs, masked=all(v.masked for v in inputs) and not constant)
    if target in ops.PRODUCTS:
        return _tie(found, inputs, masked=any(v.masked for v in inputs))
    if target in ops.QUOTIENTS and len(inputs) == 1 and node.args[0] in found.values:
        return value
    if target in ops.CONCATENATIONS:
        whole = len(inputs) == len(_operands(node))
        if not whole or ops.argument(node, 1, "dim", 0) != 1:
            return _lose(found, inputs, f"{node.name}, which does not join channels (dim=1)")
        return _concatenate(found, inputs)
    if target in ops.FLATTEN:
        first, last = ops.argument(node, 1, "start_dim", 0), ops.argument(node, 2, "end_dim", -1)
        return _flatten(found, value, first, last)
    if target in ops.RESHAPE and len(ops.new_shape(node)) == 2:
        return _flatten(found, value, 1, -1)
    if target in ops.MEANS and ops.averages_positions(node):
        return replace(value, flat=not ops.argument(node, 2, "keepdim", False))
    if target in ops.SQUEEZES and ops.argument(node, 1, "dim") in (2, 3, -1, -2):
        return value
    kind = ops.MODULE_OF.get(target, type(None))
    if target in ops.ZERO_PRESERVING_FUNCTIONS or issubclass(kind, ops.ZERO_PRESERVING):
        return value
    if issubclass(kind, ops.CHANNELWISE):
        return replace(value, masked=False)
    called = getattr(target, "__name__", str(target))
    if issubclass(kind, ops.MIXING):
        return _mix(found, value, called)
    return _lose(found, inputs, called)


def _convolution(found: Trace, name: str, module: _ConvNd, value: Value) -> Value:
    if module.groups == 1:
        _consume(found, name, value)
        return _produce(found, name, module.out_channels)
    depthwise = module.groups == module.in_channels and output_axis(module) == 0
    if depthwise and value.atoms is not None:
        times = module.out_channels // module.in_channels
        atoms = tuple(atom for atom in value.atoms for _ in range(times))
        found.record("producer", name, atoms)
        return Value(atoms, masked=False)
    # Several channels per convolution group: removing one would need the group's whole shape.
    output = _produce(found, name, module.out_channels)
    for tensor in (value, output):
        found.freeze(tensor, f"belong to the convolution groups of {name}")
    return output


def _linear(found: Trace, name: str, module: nn.Linear, value: Value) -> Value:
    if value.opaque:
        return OPAQUE
    if value.atoms is not None:
        stretched = _stretch(value, module.in_features)
        if stretched is None:
            return _lose(found, [value], f"the last axis, which {name} reads")
        _consume(found, name, stretched)
    return _produce(found, name, module.out_features)


def _consume(found: Trace, name: str, value: Value) -> None:
    if value.atoms is None:
        return
    found.record("consumer", name, value.atoms)
    if not value.masked:
        found.freeze(value, f"are read by {name} past any mask")


def _produce(found: Trace, name: str, channels: int) -> Value:
    atoms = found.roles["producer"].get(name) or found.new(channels)
    found.record("producer", name, atoms)
    return Value(atoms, masked=False)


def _at(found: Trace, role: str, name: str, value: Value, size: int, *, masked: bool) -> Value:
    """Let a norm or a mask of `size` channels handle a value."""
    if value.atoms is None:
        return value
    stretched = _stretch(value, size)
    if stretched is None:
        raise ModelError(f"expects {size} channels, gets {len(value.atoms)}", where=name)
    found.record(role, name, stretched.atoms or ())
    return replace(stretched, masked=masked)


def _stretch(value: Value, size: int) -> Value | None:
    """Repeat each channel for its positions, where `value` is a flattened image."""
    atoms = value.atoms or ()
    if len(atoms) == size:
        return value
    positions, rest = divmod(size, len(atoms))
    if rest or not value.flat:
        return None
    return replace(value, atoms=tuple(atom for atom in atoms for _ in range(positions)))


def _tie(found: Trace, inputs: list[Value], masked: bool) -> Value:
    known = [value for value in inputs if value.atoms is not None]
    if not known:
        return OPAQUE if any(value.opaque for value in inputs) else INPUT
    first = max(known, key=lambda value: len(value.atoms or ()))
    for other in known:
        if len(other.atoms or ()) == len(first.atoms or ()):
            found.tie(first.atoms or (), other.atoms or ())
        else:
            for value in (first, other):
                found.freeze(value, "are combined with another number of channels")
    for value in inputs:
        if value.atoms is None:
            what = "channels that are not known" if value.opaque else "the network's input"
            found.freeze(first, f"are tied to {what}")
    return Value(first.atoms, masked, any(value.flat for value in inputs))


def _concatenate(found: Trace, inputs: list[Value]) -> Value:
    if any(value.atoms is None or value.flat for value in inputs):
        return _lose(found, inputs, "a concatenation with channels that are not known")
    joined = tuple(atom for value in inputs for atom in value.atoms or ())
    return Value(joined, masked=all(value.masked for value in inputs))


def _chunk(found: Trace, node: fx.Node, value: Value) -> tuple[Value, ...]:
    """Cut the channels into parts; to be cut alike when some are gone, they live together."""
    count = int(ops.argument(node, 1, "chunks"))
    size, rest = divmod(len(value.atoms or ()), count)
    taken = all(user.target is operator.getitem for user in node.users)
    if ops.argument(node, 2, "dim", 0) != 1 or value.flat or not size or rest or not taken:
        return (_lose(found, [value], node.name),) * count
    atoms = value.atoms or ()
    parts = [atoms[i * size : (i + 1) * size] for i in range(count)]
    for part in parts[1:]:
        found.tie(parts[0], part)
    return tuple(Value(part, value.masked) for part in parts)


def _flatten(found: Trace, value: Value, first: int, last: int) -> Value:
    if value.opaque or (first, last) != (1, -1):
        return _lose(found, [value], "a reshaping")
    return replace(value, flat=True)


def _unflatten(found: Trace, module: nn.Unflatten, value: Value) -> Value:
    """Make (N, C H W) into (N, C, H, W): the features of a channel live and die together."""
    channels, *sides = module.unflattened_size
    positions = prod(sides)
    if value.atoms is None or module.dim != 1:
        return _lose(found, [value], "a reshaping")
    if value.flat:
        return replace(value, flat=False)
    if channels not in (-1, len(value.atoms) // positions) or len(value.atoms) % positions:
        return _lose(found, [value], "a reshaping")
    for offset in range(1, positions):
        found.tie(value.atoms[::positions], value.atoms[offset::positions])
    return replace(value, atoms=value.atoms[::positions])


def _mix(found: Trace, value: Value, what: str) -> Value:
    found.freeze(value, f"go through {what}, which mixes channels")
    return replace(value, masked=False)


def _lose(found: Trace, inputs: list[Value], what: str) -> Value:
    for value in inputs:
        found.freeze(value, f"go through {what}, and are not followed")
    return OPAQUE
