"""Where the files are that ship beside the Python package: kernels, boards, recipes.

In a wheel they lie in ``hwsubnet/_shipped``; in a source checkout (an editable install) they lie
at the top of the repository, where people look for them.
"""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal


def shipped(folder: Literal["hls", "boards", "configs"]) -> Path:
    """Return the folder of shipped files named `folder`.

    Raises
    ------
    FileNotFoundError
        If the installation is broken and holds no such folder.
    """
    package = files("hwsubnet")
    for candidate in (package / "_shipped" / folder, package / ".." / folder):
        with as_file(candidate) as path:  # wheels are always unpacked, so the path stays valid
            if path.is_dir():
                return path.resolve()
    raise FileNotFoundError(f"this installation of hwsubnet has no {folder}/ folder")
