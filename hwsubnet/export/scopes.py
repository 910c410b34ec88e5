"""Which module of a network an exported node came from.

PyTorch's exporter names a node after the attributes through which its module was called. Nested
containers repeat each other (``/body/stage1/stage1.0/add/Add``); in a traced network
(``GraphModule``), which calls every module directly, only the last attribute is left.
"""

from collections.abc import Mapping

from torch import fx, nn


def with_flat_names(network: nn.Module) -> tuple[nn.Module, dict[str, str]]:
    """Give every module that a traced network calls a name that the exporter keeps.

    Returns
    -------
    The network, and the modules' paths by their new names; any other network as it is.
    """
    if not isinstance(network, fx.GraphModule):
        return network, {}
    paths: dict[str, str] = {}
    called: dict[str, nn.Module] = {}
    graph = fx.Graph()
    graph.output(graph.graph_copy(network.graph, {}))
    for node in graph.nodes:
        if node.op == "call_module":
            path = str(node.target)
            node.target = f"module{len(paths)}"
            paths[node.target] = path
            called[node.target] = network.get_submodule(path)
        elif node.op == "get_attr":
            called[node.target] = _attribute(network, str(node.target))
    return fx.GraphModule(called, graph).train(network.training), paths


def module_path(node_name: str, paths: Mapping[str, str]) -> str:
    """Read a module's path from the name of an exported node.

    What Brevitas puts below a quantizer's proxy is its own affair.
    """
    path: list[str] = []
    for scope in node_name.split("/")[1:-1]:
        if scope.startswith(("export_handler", "weight_quant")):
            break
        if path and scope.startswith(f"{path[-1]}."):
            path.pop()
        path.append(paths.get(scope, scope))
    return ".".join(path) or node_name


def _attribute(network: nn.Module, path: str) -> nn.Module:
    owner, _, name = path.rpartition(".")
    value: nn.Module = getattr(network.get_submodule(owner), name)
    return value
