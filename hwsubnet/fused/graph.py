"""Finds in a network's graph what the kernels can compute in one."""

import logging
from typing import Any

from torch import fx, nn
from torch.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d

from hwsubnet.errors import ModelError
from hwsubnet.fused import native
from hwsubnet.fused.functions import RANGES
from hwsubnet.fused.modules import FusedLayer, FusedSite
from hwsubnet.prune import ChannelMask
from hwsubnet.prune.capture import capture
from hwsubnet.quant import QuantAdd, QuantIdentity
from hwsubnet.quant.layers import QuantConv1d, QuantConv2d, QuantLinear
from hwsubnet.quant.quantizers import ActivationQuantizer

log = logging.getLogger(__name__)

Branch = tuple[fx.Node, nn.Module | None, ChannelMask | None]
"""What comes in, and the norm and the mask behind it."""


def fuse(network: nn.Module) -> nn.Module:
    """Return a network that trains `network`, and faster.

    It holds the same modules, parameters and buffers, not copies: train the one, and evaluate,
    save, prune and export the other. Only hooks on modules that are computed together are not
    called. Without a compiler, and if the network cannot be traced, it is `network` itself.

    Parameters
    ----------
    network
        With layers of :mod:`hwsubnet.quant`, as :func:`hwsubnet.convert.convert` makes them; on the
        CPU, where alone there is something to gain.
    """
    if native.kernels() is None:
        return network
    try:
        graph = capture(network)
    except ModelError as error:
        log.warning("training without the fused kernels, which is slower: %s", error)
        return network
    return _Fusing(network, graph).run()


class _Fusing:
    """Rewrites a network's graph; its modules are only read."""

    def __init__(self, network: nn.Module, graph: fx.Graph) -> None:
        self.network, self.graph = network, graph
        self.modules: dict[str, nn.Module] = dict(network.named_modules(remove_duplicate=False))
        self.called: dict[str, object] = {}
        self.fused: set[fx.Node] = set()

    def run(self) -> nn.Module:
        """Return the rewritten network."""
        for fuse_from in (self._fuse_sum, self._fuse_chain):
            for node in list(self.graph.nodes):
                if node.op == "call_module" and node not in self.fused:
                    fuse_from(node)
        for node in self.graph.nodes:
            if node.op == "call_module" and node not in self.fused:
                module = self.modules[node.target]
                fusible = isinstance(module, QuantConv1d | QuantConv2d | QuantLinear)
                self._name(node, FusedLayer(module) if fusible else module)
            elif node.op == "get_attr":
                owner, _, name = node.target.rpartition(".")
                self._name(node, getattr(self.network.get_submodule(owner), name))
        name = f"Fused{type(self.network).__name__}"
        return fx.GraphModule(self.called, self.graph, name).train(self.network.training)

    def _fuse_sum(self, node: fx.Node) -> None:
        addends = len(node.args) == 2 and node.args[0] is not node.args[1]
        if not isinstance(self._module(node), QuantAdd) or not addends:
            return
        branches = [self._branch(source) for source in node.args]
        self._put(branches, self._module(node), *self._behind(node))

    def _branch(self, node: Any) -> Branch:
        """Go back from an operand over its mask and norm, if nothing else reads them."""
        mask = self._module(node)
        if isinstance(mask, ChannelMask) and len(node.users) == 1:
            node = node.args[0]
        else:
            mask = None
        norm = self._module(node)
        if norm is not None and _usual(norm) and len(node.users) == 1:
            return node.args[0], norm, mask
        return node, None, mask

    def _fuse_chain(self, node: fx.Node) -> None:
        module, source = self._module(node), _operand(node)
        if module is not None and _usual(module):
            self._put([(source, module, None)], None, *self._behind(node))
        elif isinstance(module, nn.ReLU | ChannelMask | QuantIdentity):
            relu, mask, quant, last = self._behind(source, first=node)
            if mask is not None or quant is not None:
                self._put([(source, None, None)], None, relu, mask, quant, last)

    def _behind(
        self, node: fx.Node, first: fx.Node | None = None
    ) -> tuple[nn.ReLU | None, ChannelMask | None, QuantIdentity | None, fx.Node]:
        """Follow ReLU, mask and quantizer, in this order, while each has one reader."""
        found: list[nn.Module | None] = []
        following = first
        for kind in (nn.ReLU, ChannelMask, QuantIdentity):
            if following is None and len(node.users) == 1:
                following = next(iter(node.users))
            module = self._module(following) if following is not None else None
            if following is not None and type(module) is kind and _observes(module):
                found.append(module)
                node, following = following, None
            else:
                found.append(None)
        relu, mask, quant = found
        return relu, mask, quant, node  # type: ignore[return-value]

    def _put(
        self,
        branches: list[Branch],
        add: nn.Module | None,
        relu: nn.ReLU | None,
        mask: ChannelMask | None,
        quant: QuantIdentity | None,
        last: fx.Node,
    ) -> None:
        """Put one node in place of the modules from the branches to `last`."""
        site = FusedSite([(norm, masked) for _, norm, masked in branches], add, relu, mask, quant)  # type: ignore[arg-type]
        with self.graph.inserting_after(last):
            new = self.graph.call_module("", tuple(source for source, *_ in branches))
        last.replace_all_uses_with(new)
        self._name(new, site)
        self.fused.add(new)
        sources = {source for source, *_ in branches}
        gone = [last]
        while gone:  # back to the sources; what is left without a reader is what was fused
            stale = gone.pop()
            self.fused.add(stale)
            before = [given for given in stale.all_input_nodes if given not in sources]
            self.graph.erase_node(stale)
            gone += [given for given in before if not given.users]

    def _module(self, node: object) -> nn.Module | None:
        if isinstance(node, fx.Node) and node.op == "call_module" and node not in self.fused:
            return self.modules[str(node.target)]
        return None

    def _name(self, node: fx.Node, value: object) -> None:
        """Give a module or a parameter a number as its name."""
        node.target = f"part{len(self.called)}"
        self.called[node.target] = value


def _operand(node: fx.Node) -> Any:
    """Return what a module with one input is called on."""
    return node.args[0] if node.args else next(iter(node.kwargs.values()))


def _usual(norm: nn.Module) -> bool:
    """Whether a norm has parameters and running statistics."""
    usual = type(norm) in (BatchNorm1d, BatchNorm2d) and norm.affine and norm.track_running_stats
    return bool(usual)


def _observes(module: nn.Module | None) -> bool:
    """Whether a quantizer is one that the kernels know and takes its own statistics."""
    if not isinstance(module, QuantIdentity):
        return True
    quantizer = module.quantizer
    known = type(quantizer) in RANGES
    return known and (not isinstance(quantizer, ActivationQuantizer) or quantizer.observes)
