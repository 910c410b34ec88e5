"""Puts quantized layers, masks and quantizers into a drafted network."""

import operator
from typing import Any, Literal

from torch import fx, nn

from hwsubnet.artifacts import Precision
from hwsubnet.convert.canonical import Draft
from hwsubnet.convert.placement import Kind, Placement, kind_of
from hwsubnet.convert.selection import Candidate, Selection
from hwsubnet.convert.site import Site
from hwsubnet.prune import ChannelMask
from hwsubnet.prune.tracing import follow
from hwsubnet.quant import (
    WEIGHT_LAYERS,
    AffineQuant,
    QuantAdd,
    QuantCat,
    QuantIdentity,
    SymmetricQuant,
    UnsignedQuant,
    pixels,
    quantized_layer,
)

Inputs = Literal["pixels"] | int | None
Signed = Literal["symmetric", "affine"]


class Rewriting:
    """Rewrites a draft in place.

    Parameters
    ----------
    placement
        What stands where, by nodes of the draft's graph.
    precision, signed
        As for :func:`hwsubnet.convert.convert`.
    """

    def __init__(
        self, draft: Draft, placement: Placement, precision: Precision, signed: Signed
    ) -> None:
        self.draft, self.placement, self.precision = draft, placement, precision
        self.signed_quant = AffineQuant if signed == "affine" else SymmetricQuant
        self.channels = {
            node: len(value.atoms)
            for node, value in follow(draft.graph, draft.modules).values.items()
            if value.atoms is not None
        }
        self.kinds = {node: kind_of(draft, node) for node in self._sites()}
        self.names = self._name_sites()

    def quantize_weights(self, weights: Selection) -> None:
        """Replace the layers that `weights` picks."""
        layers = {
            str(node.target): self.draft.modules[str(node.target)]
            for node in self.draft.graph.nodes
            if node.op == "call_module"
        }
        layers = {name: layer for name, layer in layers.items() if type(layer) in WEIGHT_LAYERS}
        candidates = [Candidate(name, type(layer)) for name, layer in layers.items()]
        picked = weights.pick(candidates, self.precision.weight_bits, "weight layer")
        for name, bits in picked.items():
            precision = self.precision.model_copy(update={"weight_bits": bits})
            self.draft.modules[name] = quantized_layer(layers[name], precision)

    def place_sites(self, activations: Selection, masks: Selection, inputs: Inputs) -> None:
        """Put masks and quantizers behind what `masks` and `activations` pick."""
        candidates = {node: Candidate(name, self._type(node)) for node, name in self.names.items()}
        bits = activations.pick(
            list(candidates.values()), self.precision.activation_bits, "activation site"
        )
        maskable = [candidates[node] for node in self.placement.masked if node in self.channels]
        masked = masks.pick(maskable, 0, "mask site")
        for node, name in self.names.items():
            if node in self.placement.joined:
                if name in bits:
                    self._join(node, bits[name])
                continue
            mask = node in self.placement.masked and name in masked
            quant = node in self.placement.quantized and name in bits
            self._put(
                node,
                ChannelMask(self.channels[node]) if mask else None,
                self._quantizer(node, bits[name]) if quant else None,
            )
            # An average of quantized values, say, is quantized again where a layer reads it.
        for node in self.placement.quantized:
            if node.op == "placeholder" and inputs is not None:
                self._insert(node, "input", self._input(inputs))

    def finish(self, class_name: str) -> fx.GraphModule:
        """Return the network."""
        graph, called = self.draft.graph, {}
        for node in graph.nodes:
            if node.op not in ("call_module", "get_attr"):
                continue
            path = str(node.target)
            if node.op == "call_module":
                value: Any = self.draft.modules[path]
            else:
                value = operator.attrgetter(path)(self.draft.root)
            first, dot, rest = path.partition(".")
            if hasattr(fx.GraphModule, first):  # as `code`, which would hide the module
                node.target = f"{first}_{dot}{rest}"
            called[node.target] = value
        # From a module, not a dict: modules then are in forward order, as reports list them.
        return fx.GraphModule(_nested(called), graph, class_name)

    def _sites(self) -> list[fx.Node]:
        placed = {*self.placement.masked, *self.placement.quantized, *self.placement.joined}
        return [n for n in self.draft.graph.nodes if n in placed and n.op != "placeholder"]

    def _name_sites(self) -> dict[fx.Node, str]:
        """Name each site after the module or function that makes its value."""
        names: dict[fx.Node, str] = {}
        for node in self._sites():
            name = str(node.target) if node.op == "call_module" else self._function_name(node)
            number, free = 0, name
            while free in names.values():
                number += 1
                free = f"{name}_{number}"
            names[node] = free
        return names

    def _function_name(self, node: fx.Node) -> str:
        owner = self.draft.owner(node)
        called = node.target if isinstance(node.target, str) else node.target.__name__
        return f"{owner}.{called}" if owner else called

    def _type(self, node: fx.Node) -> type[nn.Module]:
        if node in self.placement.joined:
            return QuantAdd if self.kinds[node] is Kind.ADD else QuantCat
        if node.op == "call_module":
            return type(self.draft.modules[str(node.target)])
        return nn.Module

    def _quantizer(self, node: fx.Node, bits: int) -> QuantIdentity:
        never = node in self.placement.never_negative
        return QuantIdentity(UnsignedQuant if never else self.signed_quant, bit_width=bits)

    def _input(self, inputs: Literal["pixels"] | int) -> QuantIdentity:
        if inputs == "pixels":
            return pixels()
        return QuantIdentity(self.signed_quant, bit_width=inputs)

    def _put(self, node: fx.Node, mask: ChannelMask | None, quant: QuantIdentity | None) -> None:
        """Put mask and quantizer behind a value; around an activation module that has no state."""
        path = str(node.target)
        activation = self.draft.modules.get(path) if self.kinds[node] is Kind.ACTIVATION else None
        if activation is not None and not activation.state_dict():
            if mask is not None or quant is not None:
                self.draft.modules[path] = Site(activation, mask, quant)
            return
        if mask is not None:
            node = self._insert(node, "mask", mask)
        if quant is not None:
            self._insert(node, "quant", quant)

    def _insert(self, node: fx.Node, role: str, module: nn.Module) -> fx.Node:
        path = self.draft.add(node, role, module)
        with self.draft.graph.inserting_after(node):
            new = self.draft.graph.call_module(path)
        new.meta = dict(node.meta)
        node.replace_all_uses_with(new)
        new.args = (node,)
        return new

    def _join(self, node: fx.Node, bits: int) -> None:
        """Let the operands of an addition or a concatenation share a quantizer."""
        operands: Any = node.all_input_nodes
        if self.kinds[node] is Kind.CAT:
            operands = node.kwargs.get("tensors", node.args[0] if node.args else ())
        precision = self.precision.model_copy(update={"activation_bits": bits})
        signed = not self.placement.never_negative.issuperset(operands)
        if self.kinds[node] is Kind.CAT:
            path = self.draft.add(node, "cat", QuantCat(precision, signed=signed))
        else:
            path = self.draft.add(node, "add", QuantAdd(precision, signed=signed))
        node.op, node.target = "call_module", path
        node.args, node.kwargs = tuple(operands), {}


def _nested(called: dict[str, Any]) -> nn.Module:
    """Put modules and parameters at their paths."""
    root = nn.Module()
    for path, value in called.items():
        *owners, name = path.split(".")
        owner = root
        for part in owners:
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = owner.get_submodule(part)
        setattr(owner, name, value)
    return root
