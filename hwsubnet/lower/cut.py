"""Where the accelerator ends and the host goes on."""

from dataclasses import dataclass, replace

import onnx

from hwsubnet.artifacts import Coverage, Left
from hwsubnet.errors import NoHardware
from hwsubnet.lower.integer_graph import IntegerGraph, Node
from hwsubnet.lower.stream import Stream
from hwsubnet.lower.walk import Walk


@dataclass(frozen=True)
class Exit:
    """The accelerator's output stream, whose function is affine, and the coverage up to it."""

    stream: Stream
    coverage: Coverage


def find_exit(model: onnx.ModelProto, state: Walk) -> Exit:
    """Choose the last tensor behind which the host can compute the rest alone.

    All data that the host needs has to leave through the one output stream; its meaning has to be
    a scale and a bias. Nodes behind it are added to those left.

    Raises
    ------
    NoHardware
        If no tensor is like that, or no layer with weights lies in front of it.
    """
    needed = _needed_by_host(model, state)
    streams = _candidates(state)
    for stream in reversed(streams):
        if all(_separates(state.graph, stream.tensor, name) for name in needed):
            nodes = _kept(state.graph, stream.tensor)
            if any(node.op in ("Conv", "Gemm") for node in nodes):
                state.graph.nodes = nodes
                return Exit(stream, _coverage(model, state, stream))
            break
    first = next(iter(state.left.values()), None)
    reason = f": node {first.node!r} ({first.op}): {first.why}" if first else ""
    raise NoHardware(f"no layer of it can become hardware{reason}")


def _needed_by_host(model: onnx.ModelProto, state: Walk) -> set[str]:
    """Return tensors of the integer graph that leave it: as outputs, or into nodes left."""
    names = {value.name for value in model.graph.output}
    for node in model.graph.node:
        if node.name in state.left:
            names.update(node.input)
    values = (state.values.get(name) for name in names)
    return {value.tensor for value in values if isinstance(value, Stream)}


def _candidates(state: Walk) -> list[Stream]:
    """Return streams that are affine, in topological order; none that flattening reordered."""
    order = {node.output: index for index, node in enumerate(state.graph.nodes)}
    found = []
    for name, value in state.values.items():
        if not isinstance(value, Stream) or value.affine() is None or value.tensor not in order:
            continue
        producer = state.graph.producers[value.tensor]
        if producer.op == "Flatten" and len(state.graph.tensors[producer.inputs[0]].shape) == 4:
            _, _, height, width = state.graph.tensors[producer.inputs[0]].shape
            if height * width > 1:
                continue
        found.append(replace(value, source=name))
    return sorted(found, key=lambda stream: order[stream.tensor])


def _separates(graph: IntegerGraph, cut: str, target: str) -> bool:
    """Say whether every path from the input to `target` goes through `cut`."""
    pending, seen = [target], set()
    while pending:
        name = pending.pop()
        if name == cut or name in seen:
            continue
        if name == "input":
            return False
        seen.add(name)
        pending.extend(graph.producers[name].inputs)
    return True


def _kept(graph: IntegerGraph, output: str) -> list[Node]:
    """Return the nodes that `output` depends on."""
    needed = {output}
    for node in reversed(graph.nodes):
        if node.output in needed:
            needed.update(node.inputs)
    return [node for node in graph.nodes if node.output in needed]


def _coverage(model: onnx.ModelProto, state: Walk, stream: Stream) -> Coverage:
    """Count converted nodes, and add those behind the exit to the ones left."""
    ancestors = {stream.source}
    for node in reversed(model.graph.node):
        if ancestors.intersection(node.output):
            ancestors.update(node.input)
    inside = 0
    for node in model.graph.node:
        if node.output[0] not in state.converted:
            continue
        if node.output[0] in ancestors:
            inside += 1
        else:
            why = f"it runs on the host, behind the accelerator's output {stream.source!r}"
            state.left.setdefault(node.name, Left(node=node.name, op=node.op_type, why=why))
    order = {node.name: index for index, node in enumerate(model.graph.node)}
    left = sorted(state.left.values(), key=lambda item: order[item.node])
    return Coverage(converted=inside, left=tuple(left))
