"""How large a network is: multiply-accumulates, bit operations, weights and activations."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from hwsubnet.compact.bits import bits_of_layers


@dataclass(frozen=True)
class Counts:
    """What one image costs.

    Attributes
    ----------
    macs
        Multiply-accumulates of convolutions and linear layers, padding included.
    bit_operations
        The same, each counted as the bits of its weight times the bits of its activation; what
        is not quantized has 32.
    weights
        Weights of convolutions and linear layers.
    parameters
        All trainable numbers, norms and biases included, as Zhang, Colbert & Das count them.
    activations
        Outputs of convolutions and linear layers, the network's own output left out: each is one
        tensor that hardware has to pass on.
    activations_paper
        The count in the tables of Zhang, Colbert & Das, twice the outputs of convolutions, norms
        and linear layers; four times too many, kept for comparison.
    """

    macs: int
    bit_operations: int
    weights: int
    parameters: int
    activations: int
    activations_paper: int


def count(model: nn.Module, input_shape: tuple[int, int, int]) -> Counts:
    """Count by one forward pass of a blank image (C, H, W), in evaluation mode."""
    bits = {model.get_submodule(name): part for name, part in bits_of_layers(model).items()}
    macs: list[int] = []
    bit_operations: list[int] = []
    weights: list[int] = []
    outputs: list[int] = []
    norm_outputs: list[int] = []

    def of_layer(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        positions = output if not getattr(layer, "transposed", False) else inputs[0]
        macs.append(layer.weight.numel() * positions[0, 0].numel())
        bit_operations.append(macs[-1] * bits[layer].weights * bits[layer].inputs)
        weights.append(layer.weight.numel())
        outputs.append(output.numel())

    def of_norm(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        norm_outputs.append(output.numel())

    hooks = []
    for module in model.modules():
        if isinstance(module, _ConvNd | nn.Linear):
            hooks.append(module.register_forward_hook(of_layer))
        elif isinstance(module, _BatchNorm):
            hooks.append(module.register_forward_hook(of_norm))
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *input_shape))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return Counts(
        macs=sum(macs),
        bit_operations=sum(bit_operations),
        weights=sum(weights),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        activations=sum(outputs[:-1]),
        activations_paper=2 * (sum(outputs) + sum(norm_outputs)),
    )


def megabits(count: int, bits: int, sparsity: float = 0.0) -> float:
    """Return the size in Mb (1e6 bits) of `count` numbers.

    With a `sparsity`, as the tables of Zhang, Colbert & Das have it: that share is taken to be
    gone, which leaves out that a pruned layer also has fewer inputs. For what is really left,
    count a compact network.
    """
    return count * bits * (1 - sparsity) / 1e6


def performance_density(accuracy: float, weights_mbit: float, activations_mbit: float) -> float:
    """Return accuracy, a share in [0, 1], in percent per megabit of weights and activations."""
    return 100 * accuracy / (weights_mbit + activations_mbit)
