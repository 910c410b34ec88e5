"""Where masks, quantizers and shared scales have to stand.

Hardware reads integers of one scale. So what a layer with weights reads must come from a
quantizer; what is added must share one; what is concatenated must share one if a layer reads it
as it is, and may keep its own where a norm or an activation function, and with it the next
quantizer, lies between. Each need is followed back to where the value was made, so that a max
pool or a flattening moves few bits.

Masks stand at the same sites. They are placed also behind layers that nothing quantizes, so that
whatever a layer reads is masked.
"""

import operator
from dataclasses import dataclass
from enum import Enum, auto

from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from hwsubnet.convert.canonical import Draft
from hwsubnet.prune import operations as ops
from hwsubnet.quant import WEIGHT_LAYERS


class Kind(Enum):
    """What a call is to placement."""

    INPUT = auto()
    LAYER = auto()
    NORM = auto()
    ACTIVATION = auto()
    PASSING = auto()
    """What gives integers of the same scale for integers."""
    AVERAGE = auto()
    ADD = auto()
    CAT = auto()
    OTHER = auto()


_DROPS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
_PASSING = (
    nn.Identity, *_DROPS, nn.Flatten, nn.Unflatten, nn.MaxPool1d, nn.MaxPool2d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.ZeroPad2d, nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReplicationPad2d,
)  # fmt: skip
_PASSING_FUNCTIONS: tuple[ops.Target, ...] = (
    functional.max_pool1d, functional.max_pool2d, functional.adaptive_max_pool2d,
    "contiguous", "clone", "detach", *ops.FLATTEN, *ops.SQUEEZES, *ops.CHUNKS, *ops.SPLITS,
)  # fmt: skip
_AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
_AVERAGING: tuple[ops.Target, ...] = (
    functional.avg_pool1d, functional.avg_pool2d,
    functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, *ops.MEANS,
)  # fmt: skip
_NEVER_NEGATIVE = (nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Hardsigmoid, nn.Softplus, nn.Softmax)


def kind_of(draft: Draft, node: fx.Node) -> Kind:
    """Tell what a call is to placement."""
    if node.op == "placeholder":
        return Kind.INPUT
    if node.op == "call_module":
        return _kind_of_module(draft.modules[str(node.target)])
    target = node.target
    if target in ops.ADDITIONS and len(tensors(node)) == 2 and "alpha" not in node.kwargs:
        return Kind.ADD
    if target in ops.CONCATENATIONS and ops.argument(node, 1, "dim", 0) == 1:
        listed = isinstance(ops.argument(node, 0, "tensors"), list | tuple)
        return Kind.CAT if listed else Kind.OTHER
    if target in _AVERAGING:
        return Kind.AVERAGE
    nearest = target is functional.interpolate and node.kwargs.get("mode", "nearest") == "nearest"
    if nearest or target in _PASSING_FUNCTIONS or target is operator.getitem:
        return Kind.PASSING
    return Kind.OTHER


def _kind_of_module(module: nn.Module) -> Kind:
    if type(module) in WEIGHT_LAYERS:
        return Kind.LAYER
    if isinstance(module, _BatchNorm | _InstanceNorm):
        return Kind.NORM
    if isinstance(module, _PASSING) or getattr(module, "mode", None) == "nearest":
        return Kind.PASSING
    if isinstance(module, _AVERAGES):
        return Kind.AVERAGE
    if isinstance(module, ops.ZERO_PRESERVING + ops.CHANNELWISE) and not isinstance(
        module, nn.Upsample
    ):
        return Kind.ACTIVATION
    return Kind.OTHER


def tensors(node: fx.Node) -> list[fx.Node]:
    """Return the tensors that a call reads; parameters and sizes are none."""
    return [
        source
        for source in node.all_input_nodes
        if source.op != "get_attr" and source.target not in ops.SIZES
    ]


@dataclass(frozen=True)
class Need:
    """What is needed of a value: a mask, a quantizer, and one scale for all its channels."""

    mask: bool = False
    quant: bool = False
    one_scale: bool = False

    def __or__(self, other: "Need") -> "Need":
        return Need(
            self.mask or other.mask, self.quant or other.quant, self.one_scale or other.one_scale
        )


MASKED = Need(mask=True)
QUANTIZED = Need(mask=True, quant=True)
READ = Need(mask=True, quant=True, one_scale=True)


@dataclass(frozen=True)
class Placement:
    """Where what stands.

    Attributes
    ----------
    masked, quantized
        Nodes whose value needs a mask, or a quantizer, behind it; in forward order.
    joined
        Additions and concatenations whose operands share a quantizer.
    never_negative
        Nodes whose values are never below zero.
    """

    masked: tuple[fx.Node, ...]
    quantized: tuple[fx.Node, ...]
    joined: tuple[fx.Node, ...]
    never_negative: frozenset[fx.Node]


def place(draft: Draft, *, pixels: bool) -> Placement:
    """Find out what a network needs where.

    Parameters
    ----------
    pixels
        Whether the network's input is an image in [0, 1].
    """
    kinds = {node: kind_of(draft, node) for node in draft.graph.nodes if node.op != "output"}
    feeds: set[fx.Node] = set()
    needs: dict[fx.Node, Need] = {}
    joined = []

    def require(source: fx.Node, need: Need) -> None:
        while kinds[source] is Kind.PASSING and tensors(source):
            behind = tensors(source)[0]
            if _is_part(source) and kinds[behind] is not Kind.PASSING:
                break  # of several results, each has a site of its own
            source = behind
        needs[source] = needs.get(source, Need()) | need

    for node in reversed(draft.graph.nodes):
        if node.op == "output":
            continue
        if kinds[node] is not Kind.LAYER and not feeds & node.users.keys():
            continue
        feeds.add(node)
        need = _of_operands(kinds[node], needs.get(node, Need()))
        if kinds[node] is Kind.ADD or (kinds[node] is Kind.CAT and need == MASKED):
            joined.append(node)
        for source in tensors(node):
            if need is not None and not _is_gate(draft, kinds[node], source):
                require(source, need)
    made = [node for node in draft.graph.nodes if node in needs]
    return Placement(
        masked=tuple(
            node
            for node in made
            if needs[node].mask and kinds[node] in (Kind.LAYER, Kind.NORM, Kind.ACTIVATION)
        ),
        quantized=tuple(
            node
            for node in made
            if kinds[node] is Kind.INPUT or (needs[node].quant and kinds[node] is not Kind.CAT)
        ),
        joined=tuple(reversed(joined)),
        never_negative=_never_negative(draft, kinds, pixels=pixels),
    )


def _is_part(node: fx.Node) -> bool:
    return node.target is operator.getitem and isinstance(node.args[1], int)


def _of_operands(kind: Kind, need: Need) -> Need | None:
    """Return what an operation needs of what it reads, given what is needed of its result."""
    match kind:
        case Kind.LAYER:
            return READ
        case Kind.AVERAGE:
            return QUANTIZED
        case Kind.ADD:
            return MASKED
        case Kind.CAT:
            return MASKED if need.one_scale else QUANTIZED
        case Kind.OTHER:
            return MASKED
    return None


def _is_gate(draft: Draft, kind: Kind, source: fx.Node) -> bool:
    """Whether a factor need not be masked: a sigmoid's value, say, which scales another's."""
    module = draft.modules.get(str(source.target)) if source.op == "call_module" else None
    return kind is Kind.OTHER and isinstance(module, ops.CHANNELWISE)


def _never_negative(
    draft: Draft, kinds: dict[fx.Node, Kind], *, pixels: bool
) -> frozenset[fx.Node]:
    found: set[fx.Node] = set()
    for node, kind in kinds.items():
        match kind:
            case Kind.INPUT:
                never = pixels
            case Kind.ACTIVATION:
                module = draft.modules[str(node.target)]
                never = isinstance(module, _NEVER_NEGATIVE)
                never |= isinstance(module, nn.Hardtanh) and module.min_val >= 0
            case Kind.PASSING | Kind.AVERAGE | Kind.ADD | Kind.CAT:
                never = bool(tensors(node)) and found.issuperset(tensors(node))
            case Kind.OTHER:
                never = node.target in ops.PRODUCTS and found.issuperset(tensors(node))
                never &= len(tensors(node)) == 2
            case _:
                never = False
        if never:
            found.add(node)
    return frozenset(found)
