"""One model, from any source, without a run's folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hwsubnet.artifacts import Estimate, LoweredGraph, Metrics
from hwsubnet.boards import Board
from hwsubnet.flow.pipeline import metrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def estimate_model(
    model: Path,
    board: Board,
    *,
    fps: float | None = None,
    folding: Path | None = None,
    clock_mhz: float | None = None,
) -> Metrics:
    """Lower a QONNX model, fold it for `board`, and say what it costs and delivers.

    Parameters
    ----------
    model
        Any QONNX file.
    board
        The target.
    fps
        Frames per second to reach at the least cost; if neither this nor `folding` is given, the
        fastest folding that fits the board.
    folding
        A JSON file that sets PE and SIMD by node.
    clock_mhz
        The board's default if not given.

    Raises
    ------
    ModelError
        If the file cannot be read or lowered.
    FoldingError
        If the folding is not legal.
    DoesNotFit
        If no folding fits the board, or none reaches `fps`.
    """
    with fold_model(model, board, fps=fps, folding=folding, clock_mhz=clock_mhz) as accelerator:
        return Metrics(**metrics(accelerator.lowered, accelerator.estimated))


@dataclass(frozen=True)
class FoldedModel:
    """A lowered and folded model in a folder that does not last."""

    lowered: LoweredGraph
    estimated: Estimate
    folder: Path
    """Room for what is made from it."""

    @property
    def path(self) -> Path:
        """The folded graph."""
        return self.folder / "estimate" / self.estimated.folded.path

    def check_frames(self, x: "NDArray[np.generic]", where: object = None) -> None:
        """Refuse frames that the model does not take, before anything is built for them.

        Raises
        ------
        ModelError
            As `hwsubnet.driver.to_integers`.
        """
        from hwsubnet.simulate.host import to_integers

        to_integers(x, self.lowered.input, where)


@contextmanager
def fold_model(
    model: Path,
    board: Board,
    *,
    fps: float | None,
    folding: Path | None,
    clock_mhz: float | None,
) -> Iterator[FoldedModel]:
    """Lower and fold a QONNX model; parameters and errors as of `estimate_model`."""
    from hwsubnet.estimate import estimate, read_folding
    from hwsubnet.lower import lower

    chosen = read_folding(folding) if folding else None
    with TemporaryDirectory(prefix="hwsubnet-") as scratch:
        folder = Path(scratch)
        for name in ("lower", "estimate"):
            (folder / name).mkdir()
        lowered = lower(model, folder / "lower", board)
        estimated = estimate(
            lowered,
            folder / "lower",
            board,
            folder / "estimate",
            fps=fps,
            folding=chosen,
            clock_mhz=clock_mhz,
        )
        yield FoldedModel(lowered, estimated, folder)
