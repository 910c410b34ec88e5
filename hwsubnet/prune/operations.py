"""What the operations of a network do to the channels of a tensor."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.instancenorm import _InstanceNorm

from hwsubnet.quant import QuantIdentity

Target = Callable[..., Any] | str
"""What an fx node calls: a function, or the name of a tensor's method."""

ZERO_PRESERVING = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU,
    nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardtanh, nn.Tanh, nn.Softsign,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout,
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.Upsample, nn.ZeroPad2d, nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReplicationPad2d,
    QuantIdentity,
)  # fmt: skip
"""Modules that act on each channel by itself and turn a channel of zeros into zeros."""

CHANNELWISE = (nn.Sigmoid, nn.Hardsigmoid, nn.Softplus, nn.LogSigmoid)
"""Modules that act on each channel by itself, but not on zeros alike."""

MIXING = (nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, nn.Softmax, nn.Softmax2d, nn.LogSoftmax)
"""Modules that keep the layout, but let every channel depend on the others."""

MODULE_OF: dict[Target, type[nn.Module]] = {
    functional.relu: nn.ReLU, torch.relu: nn.ReLU, torch.relu_: nn.ReLU,
    functional.relu_: nn.ReLU, "relu": nn.ReLU, "relu_": nn.ReLU,
    functional.relu6: nn.ReLU6, functional.leaky_relu: nn.LeakyReLU, functional.elu: nn.ELU,
    functional.selu: nn.SELU, functional.celu: nn.CELU, functional.gelu: nn.GELU,
    functional.silu: nn.SiLU, functional.mish: nn.Mish, functional.hardswish: nn.Hardswish,
    functional.hardtanh: nn.Hardtanh, functional.softsign: nn.Softsign,
    functional.tanh: nn.Tanh, torch.tanh: nn.Tanh, "tanh": nn.Tanh,
    functional.sigmoid: nn.Sigmoid, torch.sigmoid: nn.Sigmoid, "sigmoid": nn.Sigmoid,
    functional.hardsigmoid: nn.Hardsigmoid, functional.softplus: nn.Softplus,
    functional.logsigmoid: nn.LogSigmoid,
    functional.dropout: nn.Dropout, functional.dropout1d: nn.Dropout1d,
    functional.dropout2d: nn.Dropout2d, functional.alpha_dropout: nn.AlphaDropout,
    functional.softmax: nn.Softmax, torch.softmax: nn.Softmax, "softmax": nn.Softmax,
    functional.log_softmax: nn.LogSoftmax, torch.log_softmax: nn.LogSoftmax,
    "log_softmax": nn.LogSoftmax,
}  # fmt: skip
"""Functions and methods without weights, and the modules that do the same."""

ZERO_PRESERVING_FUNCTIONS: tuple[Target, ...] = (
    functional.max_pool1d, functional.max_pool2d, functional.avg_pool1d, functional.avg_pool2d,
    functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d,
    functional.adaptive_max_pool2d, functional.interpolate, functional.instance_norm,
    operator.neg, "contiguous", "clone", "detach", "abs", "float", "to", "expand_as",
)  # fmt: skip
ADDITIONS: tuple[Target, ...] = (operator.add, operator.iadd, torch.add, "add", "add_")
SUBTRACTIONS: tuple[Target, ...] = (operator.sub, operator.isub, torch.sub, "sub", "sub_")
PRODUCTS: tuple[Target, ...] = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
QUOTIENTS: tuple[Target, ...] = (operator.truediv, torch.div, "div")
CONCATENATIONS: tuple[Target, ...] = (torch.cat, torch.concat)
MEANS: tuple[Target, ...] = (torch.mean, "mean")
SQUEEZES: tuple[Target, ...] = (torch.squeeze, "squeeze", torch.unsqueeze, "unsqueeze")
CLAMPS: tuple[Target, ...] = (torch.clamp, torch.clip, "clamp", "clip", "clamp_")
SPLITS: tuple[Target, ...] = (torch.split, "split")
CHUNKS: tuple[Target, ...] = (torch.chunk, "chunk")
FLATTEN: tuple[Target, ...] = (torch.flatten, "flatten")
RESHAPE: tuple[Target, ...] = (torch.reshape, "view", "reshape")
SIZES: tuple[Target, ...] = (getattr, "size", "dim", torch._assert)


def argument(node: torch.fx.Node, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a call, given by position or by name."""
    return node.kwargs.get(name, node.args[position] if len(node.args) > position else default)


def new_shape(node: torch.fx.Node) -> tuple[Any, ...]:
    """Return the sizes that a reshaping call asks for, given one by one or as a tuple."""
    shape: Any = node.kwargs.get("shape", node.args[1:])
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = shape[0]
    return tuple(shape)


def averages_positions(node: torch.fx.Node) -> bool:
    """Whether a mean is taken over height and width alone."""
    axes = argument(node, 1, "dim")
    return isinstance(axes, tuple | list) and {axis % 4 for axis in axes} == {2, 3}


def is_plain_instance_norm(module: nn.Module) -> bool:
    """Whether a module normalizes each channel of each image, without weights or memory."""
    return isinstance(module, _InstanceNorm) and not module.state_dict()
