"""Streamlined graph = golden model = C++, on whole networks of every topology."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from support.quantized_networks import NETWORKS as NETWORKS_OF_ALL, lowered_network

from hwsubnet.boards import load_board
from hwsubnet.emit.cpp import emit_cpp
from hwsubnet.errors import BadInput, ModelError
from hwsubnet.estimate import estimate
from hwsubnet.kernels import KernelGraph, read_graph
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.lower.execute import Executor
from hwsubnet.simulate.cppsim import CppSimulator, compile_cpp
from hwsubnet.simulate.golden import simulate_golden

NETWORKS = ("mlp", "cnn", "resnet", "depthwise", "unet", "decoder", "tfc-1w1a")
FRAMES = 40


class Network:
    """A lowered and folded network, its kernels, frames, and what the streamlined graph gives."""

    def __init__(self, name: str, folder: Path, board: str = "Pynq-Z2") -> None:
        lowered, where, _ = lowered_network(name, folder, board)
        folded = estimate(lowered, where, load_board(board), where).folded
        self.graph: KernelGraph = read_graph(where / folded.path)
        (source,), (target,) = self.graph.inputs, self.graph.outputs
        rng = np.random.default_rng(7)
        low, high = source.datatype.min, source.datatype.max
        frames = rng.integers(low, high, (FRAMES, *source.shape), endpoint=True)
        self.inputs = {source.tensor: frames}
        self.output = target.tensor
        self.expected = self._streamlined(where / lowered.streamlined.path, frames)

    def _streamlined(self, path: Path, frames: IntArray) -> IntArray:
        model = onnx.load(path)
        axes = model.graph.input[0].type.tensor_type.shape.dim
        first = np.moveaxis(frames, -1, 1) if len(axes) == 4 else frames
        result = Executor(model).run(first)
        return np.moveaxis(result, 1, -1) if result.ndim == 4 else result


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Network]:
    folder = tmp_path_factory.mktemp("networks")
    return {name: Network(name, folder) for name in NETWORKS}


def top(name: str) -> str:
    return "net_" + name.replace("-", "_")


@pytest.fixture(scope="module")
def simulator(
    networks: dict[str, Network], tmp_path_factory: pytest.TempPathFactory
) -> CppSimulator:
    tops = {top(name): network.graph for name, network in networks.items()}
    return compile_cpp(emit_cpp(tops), tops, tmp_path_factory.mktemp("cpp"), optimize=False)


@pytest.mark.parametrize("name", NETWORKS)
def test_golden_equals_streamlined(name: str, networks: dict[str, Network]) -> None:
    network = networks[name]
    outputs = simulate_golden(network.graph, network.inputs)[network.output]
    assert np.array_equal(outputs.reshape(FRAMES, -1), network.expected.reshape(FRAMES, -1))
    assert len(np.unique(outputs)) > 1


@pytest.mark.parametrize("name", NETWORKS)
def test_cpp_equals_streamlined(
    name: str, networks: dict[str, Network], simulator: CppSimulator, tmp_path: Path
) -> None:
    network = networks[name]
    outputs = simulator.run(network.inputs, tmp_path, top=top(name))[network.output]
    assert np.array_equal(outputs.reshape(FRAMES, -1), network.expected.reshape(FRAMES, -1))
    assert not list(tmp_path.iterdir())


def test_frames_divide_over_processes(
    networks: dict[str, Network], simulator: CppSimulator, tmp_path: Path
) -> None:
    network = networks["resnet"]
    outputs = simulator.run(network.inputs, tmp_path, top=top("resnet"), jobs=2)[network.output]
    assert np.array_equal(outputs.reshape(FRAMES, -1), network.expected.reshape(FRAMES, -1))


def test_the_board_s_kernels_do_not_change_the_outputs(
    networks: dict[str, Network], tmp_path: Path
) -> None:
    other = Network("cnn", tmp_path, "Ultra96-V2")
    assert np.array_equal(other.expected, networks["cnn"].expected)
    outputs = simulate_golden(other.graph, other.inputs)[other.output]
    assert np.array_equal(outputs.reshape(FRAMES, -1), other.expected.reshape(FRAMES, -1))


@pytest.mark.slow
@pytest.mark.parametrize("board", ["Pynq-Z2", "Ultra96-V2"])
@pytest.mark.parametrize("name", [name for name in NETWORKS_OF_ALL if name not in NETWORKS])
def test_large_networks(name: str, board: str, tmp_path: Path) -> None:
    network = Network(name, tmp_path, board)
    tops = {"net": network.graph}
    simulator = compile_cpp(emit_cpp(tops), tops, tmp_path / "cpp", optimize=False)
    for outputs in (
        simulate_golden(network.graph, network.inputs),
        simulator.run(network.inputs, tmp_path),
    ):
        found = outputs[network.output].reshape(FRAMES, -1)
        assert np.array_equal(found, network.expected.reshape(FRAMES, -1))


def test_a_build_is_used_again(simulator: CppSimulator) -> None:
    built = simulator.executable.stat().st_mtime_ns
    folder = simulator.executable.parent.parent
    again = compile_cpp(emit_cpp(simulator.tops), simulator.tops, folder, optimize=False)
    assert again.executable == simulator.executable
    assert again.executable.stat().st_mtime_ns == built


def test_wrong_inputs_are_told_before_anything_runs(
    networks: dict[str, Network], simulator: CppSimulator, tmp_path: Path
) -> None:
    network = networks["cnn"]
    (name, frames), name_of_top = next(iter(network.inputs.items())), top("cnn")
    for inputs, words in (
        ({}, "the accelerator has"),
        ({name: frames[:, 1:]}, "frames of shape"),
        ({name: frames + 1}, "do not fit tensor"),
        ({name: frames[:0]}, "one number above 0 is needed"),
    ):
        with pytest.raises(ModelError, match=words):
            simulator.run(inputs, tmp_path, top=name_of_top)


def test_names_never_reach_the_code(networks: dict[str, Network]) -> None:
    with pytest.raises(BadInput, match="is not a name that C"):
        emit_cpp({"x(){} int main": networks["mlp"].graph})
    text = "".join(emit_cpp({"top": networks["cnn"].graph}).values())
    assert not any(stream.tensor in text for stream in networks["cnn"].graph.inputs)
