"""Frames in ``.npz`` files."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsubnet.artifacts import replacing
from hwsubnet.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_frames(path: Path) -> "NDArray[Any]":
    """Return the array ``x`` of an ``.npz`` file.

    Raises
    ------
    BadInput
        If the file cannot be read, or holds no array ``x`` of numbers.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(getattr(archive, "files", ()))
            if "x" in names:
                return np.asarray(archive["x"])
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"is not a readable .npz file ({error})", where=path) from error
    raise BadInput(
        f"holds no array x, only {', '.join(names) or 'nothing'}",
        where=path,
        fix="write it with numpy.savez(path, x=frames)",
    )


def write_frames(path: Path, frames: "NDArray[Any]") -> None:
    """Write ``y`` into an ``.npz`` file, at once or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import numpy as np

    with replacing(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, y=frames)
