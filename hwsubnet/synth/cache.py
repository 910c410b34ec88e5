"""Results of syntheses, kept by what decided them.

A result is used only if it is whole, was made by the same rules, and belongs to the same key; any
other file is as good as none, and is replaced.
"""

from pathlib import Path

from pydantic import ValidationError

from hwsubnet.artifacts import Record, digest, write_text
from hwsubnet.synth.worker import Result


class _Entry(Record):
    key: str
    result: Result
    checksum: str
    """Over key and result."""


class Cache:
    """A folder of results, one small file each.

    Parameters
    ----------
    folder
        Created when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Result | None:
        """Return the result of `key`; ``None`` if there is none that can be trusted."""
        try:
            entry = _Entry.model_validate_json(self._path(key).read_bytes())
        except (OSError, ValidationError):
            return None
        whole = entry.key == key and entry.checksum == digest(key, entry.result)
        return entry.result if whole else None

    def put(self, key: str, result: Result) -> None:
        """Keep `result`, at once or not at all.

        Raises
        ------
        OutputError
            If the folder cannot be written or the disk is full.
        """
        entry = _Entry(key=key, result=result, checksum=digest(key, result))
        write_text(self._path(key), entry.model_dump_json(indent=1) + "\n")

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"
