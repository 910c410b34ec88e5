"""With how many bits each layer computes."""

from dataclasses import dataclass

from torch import fx, nn
from torch.nn.modules.conv import _ConvNd

from hwsubnet.prune.capture import capture
from hwsubnet.quant import QuantAdd, QuantCat, QuantIdentity
from hwsubnet.quant.quantizers import WeightQuantizer

FLOAT = 32
"""Bits of what no quantizer reaches."""


@dataclass(frozen=True)
class LayerBits:
    """Bits of a layer's weights, and of the activations that it reads."""

    weights: int
    inputs: int


def bits_of_layers(model: nn.Module) -> dict[str, LayerBits]:
    """Find the bits of every convolution and linear layer, by the quantizers in front of it.

    Whether quantizers are switched on does not matter. Of several quantizers that reach a layer
    (through a concatenation, say) the widest counts.

    Raises
    ------
    ModelError
        If the network cannot be traced.
    """
    modules = dict(model.named_modules())
    reaching: dict[fx.Node, int] = {}
    found: dict[str, LayerBits] = {}
    for node in capture(model).nodes:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        bits = max((reaching[source] for source in node.all_input_nodes), default=FLOAT)
        if isinstance(module, QuantAdd | QuantCat):
            module = module.quant
        if isinstance(module, QuantIdentity):
            bits = module.quantizer.bit_width
        elif isinstance(module, _ConvNd | nn.Linear):
            found[str(node.target)] = LayerBits(_weight_bits(module), bits)
            bits = FLOAT
        reaching[node] = bits
    return found


def _weight_bits(layer: nn.Module) -> int:
    quantizers = [part for part in layer.modules() if isinstance(part, WeightQuantizer)]
    return quantizers[0].bit_width if quantizers else FLOAT
