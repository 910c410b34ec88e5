"""One model, from any source, without a run's folder."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hwsubnet.artifacts import Metrics
from hwsubnet.boards import Board
from hwsubnet.flow.pipeline import metrics


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
    from hwsubnet.estimate import estimate, read_folding
    from hwsubnet.lower import lower

    chosen = read_folding(folding) if folding else None
    with TemporaryDirectory(prefix="hwsubnet-") as scratch:
        lowered_folder, estimate_folder = Path(scratch, "lower"), Path(scratch, "estimate")
        lowered_folder.mkdir()
        estimate_folder.mkdir()
        lowered = lower(model, lowered_folder, board)
        estimated = estimate(
            lowered,
            lowered_folder,
            board,
            estimate_folder,
            fps=fps,
            folding=chosen,
            clock_mhz=clock_mhz,
        )
        return Metrics(**metrics(lowered, estimated))
