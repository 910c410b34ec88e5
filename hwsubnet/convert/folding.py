"""Batch norms folded into the layer in front of them."""

from collections import Counter

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from hwsubnet.convert.canonical import Draft
from hwsubnet.quant import WEIGHT_LAYERS


def fold_norms(draft: Draft) -> None:
    """Fold every norm, with its running statistics, that directly follows a weight layer.

    A norm stays where its layer has other readers or runs more than once, and where it takes its
    statistics from the batch.
    """
    calls = Counter(node.target for node in draft.graph.nodes if node.op == "call_module")
    for node in list(draft.graph.nodes):
        layer = node.args[0] if node.op == "call_module" else None
        if not isinstance(layer, fx.Node) or layer.op != "call_module" or len(layer.users) > 1:
            continue
        norm, weights = draft.modules[str(node.target)], draft.modules[str(layer.target)]
        once = calls[node.target] == calls[layer.target] == 1
        if not isinstance(norm, _BatchNorm) or norm.running_mean is None or not once:
            continue
        if type(weights) in WEIGHT_LAYERS:
            draft.modules[str(layer.target)] = _fused(weights, norm)
            node.replace_all_uses_with(layer)
            draft.graph.erase_node(node)


def _fused(layer: nn.Module, norm: _BatchNorm) -> nn.Module:
    mode = layer.training
    layer.eval(), norm.eval()
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer, norm).train(mode)
    transposed = isinstance(layer, nn.ConvTranspose2d)
    return fuse_conv_bn_eval(layer, norm, transpose=transposed).train(mode)  # type: ignore[type-var]
