"""The streamlined integer graph against the QONNX model, on real images.

The two may differ only where float32 arithmetic put an activation on the other side of a rounding
boundary than exact arithmetic does. So every difference is traced to the first quantizer at which
the two disagree, and there the float value has to lie at a boundary, within the forward error
bound of its own computation (running error analysis, unit roundoff u = 2^-24: a dot product of n
terms may be off by (n + 3) u sum |w x|, every later operation by u times its result).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from hwsubnet.artifacts import HostAffine, LoweredGraph, Verification
from hwsubnet.errors import Mismatch, ModelError
from hwsubnet.lower.cut import find_exit
from hwsubnet.lower.execute import Executor
from hwsubnet.lower.integer_graph import Node
from hwsubnet.lower.read import name_nodes, read_model
from hwsubnet.lower.reference import Reference
from hwsubnet.lower.stream import UNIT_ROUNDOFF, Integers, Stream
from hwsubnet.lower.thresholds import Quantizer
from hwsubnet.lower.walk import Walk, walk
from hwsubnet.progress import track

WATCHED_BYTES = 2**26
"""Of activations held at a time."""

Real = NDArray[np.float32]


def quantize_input(x: NDArray[np.floating], host: HostAffine) -> Integers:
    """Turn real values into the accelerator's integers, channels still at axis 1.

    Parameters
    ----------
    x
        (N, ...) in the model's units.
    """
    low, high = host.clip or (-np.inf, np.inf)
    scaled = x.astype(np.float64) / host.scale[0] + host.zero_point
    integers = np.clip(np.rint(scaled), low, high).astype(np.int64)
    last, *spatial = host.shape[-1], *host.shape[1:-1]
    return integers.reshape(len(x), last, *spatial)


def verify(lowered: LoweredGraph, folder: Path, onnx_path: Path, images: Real) -> Verification:
    """Compare the streamlined graph with the model it came from.

    Parameters
    ----------
    lowered, folder
        The artifact and where its files lie.
    onnx_path
        The QONNX model.
    images
        float32 (N, C, H, W), in the model's input units.

    Returns
    -------
    Verification
        With every difference explained.

    Raises
    ------
    Mismatch
        If some difference is no rounding boundary, naming image, quantizer and distance.
    """
    trace = _Trace(lowered, folder, onnx_path)
    size = max(1, min(64, len(images), WATCHED_BYTES // trace.bytes_per_frame))
    starts = range(0, len(images), size)
    counts = np.zeros(3, dtype=np.int64)
    for start in track(starts, "verify"):
        counts += trace.compare(images[start : start + size], start)
    differing, on_boundary, class_changes = (int(count) for count in counts)
    return Verification(
        images=len(images),
        differing=differing,
        on_boundary=on_boundary,
        class_changes=class_changes,
    )


@dataclass(frozen=True)
class _Site:
    """A quantizer in both graphs: threshold `node`, reading tensor `x` of the QONNX model."""

    node: Node
    quantizer: Quantizer
    x: str
    ancestors: frozenset[str]


class _Trace:
    """Both graphs side by side."""

    def __init__(self, lowered: LoweredGraph, folder: Path, onnx_path: Path) -> None:
        self.lowered = lowered
        model = read_model(onnx_path)
        name_nodes(model)
        state = walk(model)
        self.exit: Stream = find_exit(model, state).stream
        self.sites = {site.node.output: site for site in _sites(model, state)}
        self.entry = next(
            value
            for value in state.values.values()
            if isinstance(value, Stream) and value.tensor == "input"
        )
        watched = [lowered.input.tensor, self.entry.source, self.exit.source]
        self.reference = Reference(model, watched + [site.x for site in self.sites.values()])
        streamlined = onnx.load(folder / lowered.streamlined.path)
        self.executor = Executor(streamlined)
        if [n.name for n in streamlined.graph.node] != [n.output for n in state.graph.nodes]:
            raise ModelError(
                "is not the model that was lowered", where=onnx_path, fix="lower it again"
            )
        elements = sum(
            int(np.prod(state.graph.tensors[name].shape)) for name in state.graph.tensors
        )
        self.bytes_per_frame = 8 * elements

    def compare(self, images: Real, start: int) -> NDArray[np.int64]:
        """Return counts of images that differ, that are explained, and whose class changes."""
        floats = self.reference.run(np.ascontiguousarray(images, dtype=np.float32))
        frames = quantize_input(floats[self.lowered.input.tensor], self.lowered.input)
        diverged = {"input": self._compare_input(frames, floats, start)}

        def watch(proto: onnx.NodeProto, levels: NDArray[Any]) -> None:
            site = self.sites.get(proto.output[0])
            if site is not None:
                diverged[site.node.output] = _compare_site(
                    site, levels, floats[site.x], diverged, start
                )

        outputs = self.executor.run(frames, watch)
        affine = self.lowered.output
        shape = (1, -1, *[1] * (outputs.ndim - 2))
        exact = outputs * np.reshape(affine.scale, shape) + np.reshape(affine.bias, shape)
        y = floats[self.exit.source].reshape(exact.shape)
        error = self.exit.error + UNIT_ROUNDOFF * np.abs(exact).max(initial=0)
        off = np.abs(y - exact) > error.reshape(shape)
        differs = off.reshape(len(y), -1).any(axis=1)
        traced = np.zeros(len(y), dtype=bool)
        for flags in diverged.values():
            traced |= flags
        if (differs & ~traced).any():
            index = int(np.argmax(differs & ~traced))
            raise Mismatch(
                f"the outputs of image {start + index} differ by "
                f"{np.abs(y - exact)[index].max():.3g} although all activations agree",
                where=self.exit.source,
            )
        changed = (y.argmax(1) != exact.argmax(1)).reshape(len(y), -1).any(axis=1) & differs
        return np.array([differs.sum(), (differs & traced).sum(), changed.sum()])

    def _compare_input(
        self, frames: Integers, floats: dict[str, Real], start: int
    ) -> NDArray[np.bool_]:
        """Hold the host's quantizer, in float64, against the model's, in float32."""
        host = self.lowered.input
        x = floats[host.tensor].astype(np.float64) / host.scale[0] + host.zero_point
        x = x.reshape(frames.shape)
        shape = (1, -1, *[1] * (frames.ndim - 2))
        real = floats[self.entry.source].reshape(frames.shape).astype(np.float64)
        affine = self.entry.affine()
        assert affine is not None  # a quantizer made it
        levels = (real - affine.bias.reshape(shape)) / affine.scale.reshape(shape)
        unequal: NDArray[Any] = np.asarray(np.rint(levels) != frames)
        margin = 8 * UNIT_ROUNDOFF * (np.abs(x) + 2 * abs(host.zero_point) + 1)
        wrong = unequal & (np.abs(x - np.floor(x) - 0.5) > margin)
        if wrong.any():
            frame = int(np.argwhere(wrong)[0, 0])
            raise Mismatch(
                f"the host and the model quantize image {start + frame} differently, and not at a "
                "rounding boundary",
                where=self.entry.source,
            )
        return np.asarray(unequal.reshape(len(frames), -1).any(axis=1))


def _sites(model: onnx.ModelProto, state: Walk) -> list[_Site]:
    """Return all quantizers that became thresholds, in topological order."""
    inputs = {node.output[0]: node.input[0] for node in model.graph.node if node.input}
    above = {"input": frozenset({"input"})}
    sites = []
    for node in state.graph.nodes:
        ancestors: frozenset[str] = frozenset().union(*(above[name] for name in node.inputs))
        if node.quantizer is not None and node.source is not None:
            sites.append(_Site(node, node.quantizer, inputs[node.source], ancestors))
            ancestors |= {node.output}
        above[node.output] = ancestors
    return sites


def _compare_site(
    site: _Site,
    levels: NDArray[Any],
    x: Real,
    diverged: dict[str, NDArray[np.bool_]],
    start: int,
) -> NDArray[np.bool_]:
    """Return which frames disagree here; raise if some do for no reason.

    Frames that disagreed at a quantizer in front may disagree here in any way.
    """
    channels = np.moveaxis(x.reshape(levels.shape), 1, 0)
    flat = np.ascontiguousarray(channels).reshape(len(channels), -1)
    exact = np.moveaxis(levels, 1, 0).reshape(len(channels), -1)
    quantizer = site.quantizer
    unequal: NDArray[Any] = np.asarray(quantizer.level(flat) != exact)
    frames = len(x)
    here = np.asarray(unequal.reshape(len(channels), frames, -1).any(axis=(0, 2)))
    inherited = np.zeros(frames, dtype=bool)
    for name in site.ancestors:
        inherited |= diverged[name]
    fresh = unequal.reshape(len(channels), frames, -1) & ~inherited[None, :, None]
    if fresh.any():
        wide = flat.astype(np.float64)
        margin = site.node.boundary * quantizer.scale[:, None]
        reachable = (quantizer.level(wide - margin) <= exact) & (
            exact <= quantizer.level(wide + margin)
        )
        wrong = fresh.reshape(unequal.shape) & ~reachable
        if wrong.any():
            per_channel = unequal.size // len(unequal)
            channel, position = divmod(int(np.argmax(wrong)), per_channel)
            frame = position // (per_channel // frames)
            steps = wide[channel, position] / quantizer.scale[channel]
            raise Mismatch(
                f"image {start + frame}, channel {channel}: the value {steps:.6f} steps became "
                f"{int(exact[channel, position])}, and no rounding boundary lies within "
                f"{site.node.boundary:.2g} steps",
                where=site.node.source,
            )
    return here | inherited
