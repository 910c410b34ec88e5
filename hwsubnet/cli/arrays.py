"""Frames in ``.npz`` files."""

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsubnet.artifacts import replacing
from hwsubnet.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WAY_OUT = "write it with numpy.savez(path, x=frames)"


def read_frames(path: Path) -> "NDArray[Any]":
    """Return the array ``x`` of an ``.npz`` file.

    Raises
    ------
    BadInput
        If the file cannot be read, or holds no array ``x``.
    """
    import numpy as np

    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise BadInput("is one array by itself, not an archive", where=path, fix=_WAY_OUT)
        with archive:
            if "x" in archive.files:
                return np.asarray(archive["x"])
            names = ", ".join(archive.files) or "nothing"
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"cannot be read ({reason})", where=path, fix="check the path") from error
    except MemoryError as error:
        raise BadInput(
            f"needs more memory than there is ({error})", where=path, fix="give fewer frames"
        ) from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        # Of what is pickled NumPy says how to load it all the same; nobody should.
        reason = "it holds pickled objects" if "pickle" in str(error) else str(error)
        raise BadInput(
            f"is not a readable .npz file ({reason})", where=path, fix=_WAY_OUT
        ) from error
    raise BadInput(f"holds no array x, only {names}", where=path, fix=_WAY_OUT)


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
