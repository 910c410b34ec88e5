"""A trained network on both families' emulated boards classifies as PyTorch does.

From training to `predict`: what `hwsubnet build` leaves is loaded by the driver of the package, and
its classes are those of the quantized network in PyTorch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from hwsubnet import flow
from hwsubnet.artifacts import CompactNetwork, RtlDesign
from hwsubnet.boards import load_board
from hwsubnet.build.system import hand_off
from hwsubnet.compact import load_compact
from hwsubnet.config import SweepConfig
from hwsubnet.data import load_data, to_real
from hwsubnet.driver import Accelerator, Interface
from hwsubnet.simulate.emulated import build_board, emulated_pynq, write_bitstream

FASHION = Path("/usr/share/datasets/fashion-mnist")
pytestmark = pytest.mark.skipif(
    not FASHION.is_dir(),
    reason="no Fashion-MNIST here (Debian: apt-get install dataset-fashion-mnist)",
)

NETWORKS = {"mlp": 0.25, "lenet": 0.5}
"""Multipliers of hidden widths."""
FPS = 30_000.0
IMAGES = 1_000
RECIPE = {
    "name": "fashion",
    "data": {"name": "fashion-mnist", "train_images": 12_000, "test_images": IMAGES},
    "pruning": {"levels": [0.5], "start": 0, "interval": 0.1, "refresh": 0.1},
    "training": {
        "arithmetic": "float32",
        "dense": {"epochs": 1},
        "prune": {"epochs": 1},
        "qat": {"epochs": 1},
    },
}


@dataclass(frozen=True)
class Trained:
    """A quantized network, half of whose channels are gone, as QONNX and in PyTorch."""

    model: Path
    x: np.ndarray
    """Test images, in the model's units."""
    labels: np.ndarray
    outputs: np.ndarray
    """What PyTorch computes of them."""


@pytest.fixture(scope="module", params=["mlp", pytest.param("lenet", marks=pytest.mark.slow)])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp(request.param)
    model = {"name": request.param, "width": NETWORKS[request.param]}
    config = SweepConfig.model_validate(RECIPE | {"model": model})
    flow.train(config, folder)
    (exported,) = flow.export(folder).values()
    images = load_data(config.data, config.seed).test
    x = to_real(images.images)
    compact = exported.parent / "compact"
    with torch.no_grad():
        outputs = load_compact(CompactNetwork.load(compact), compact).eval()(x)
    return Trained(exported / "model.onnx", x.numpy(), images.labels.numpy(), outputs.numpy())


@pytest.mark.parametrize("board", ["Pynq-Z2", "ZCU104"])
def test_predict_gives_the_classes_of_pytorch(board: str, trained: Trained, tmp_path: Path) -> None:
    built = flow.build_model(
        trained.model, load_board(board), tmp_path, name="net", fps=FPS, x=trained.x[:32]
    )
    bitfile = as_emulated(tmp_path, board, built.package.clock_mhz)
    row = Interface.read(bitfile.with_suffix(".json")).input.row_bytes
    expected = trained.outputs.argmax(axis=1)
    assert (expected == trained.labels).mean() > 0.6  # it learned
    with (
        emulated_pynq(),
        Accelerator(bitfile, buffer_bytes=300 * row, timeout=None) as accelerator,
    ):
        assert accelerator.frames_per_transfer == 300 < IMAGES
        assert np.array_equal(accelerator.predict(trained.x), expected)
        for start, frames in ((5, 1), (6, 1), (7, 13), (20, 300), (20, 301)):
            batch = slice(start, start + frames)
            assert np.array_equal(accelerator.predict(trained.x[batch]), expected[batch])
        with np.load(bitfile.with_name("golden.npz")) as golden:
            assert accelerator.check(golden["x"], golden["y"]) == 32


def as_emulated(built: Path, board: str, clock_mhz: float) -> Path:
    """Complete a package with what the emulation loads; return its bitfile."""
    bitfile = built / "package" / "net.bit"
    bitfile.with_suffix(".hwh").write_text(hand_off("net", load_board(board), clock_mhz))
    design = RtlDesign.load(built / "vivado")
    port = load_board(board).axi_bits // 8
    bitstream = build_board(design, built / "vivado", port, built / "simulations")
    write_bitstream(bitstream, bitfile)
    return bitfile
