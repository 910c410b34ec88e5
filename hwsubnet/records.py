"""Frozen records, and files that are written at once or not at all.

An artifact is a small JSON document that names the files beside it by relative path and SHA-256,
so that a folder of artifacts can be moved, resumed and checked.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from hwsubnet.errors import OutputError

_SCRATCH = ".scratch-"
_UNLOCKED_SECONDS = 10
"""After which a folder that was just made has its lock."""


class Record(BaseModel):
    """Immutable, strict, and the same after a round trip through JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True
    )


def digest(*parts: object) -> str:
    """SHA-256 of records, JSON values and bytes, stable across processes and machines."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, bytes):
            data = part
        else:
            plain = part.model_dump(mode="json") if isinstance(part, BaseModel) else part
            data = json.dumps(plain, sort_keys=True, separators=(",", ":"), default=str).encode()
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that replaces it only if the block succeeds.

    A kill at any moment leaves the old file or the new one, never half of one.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(target)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        with suppress(OSError):  # also where the folder could not even be made
            temporary.unlink()


def check_writable(target: Path) -> None:
    """Raise `OutputError` now if `replacing` would only find out after hours of work.

    Nothing is written; a disk that is full meanwhile is still told later.
    """
    folder = next(part for part in target.absolute().parents if part.exists())
    if target.is_dir():
        reason = errno.EISDIR
    elif not folder.is_dir():
        reason = errno.ENOTDIR
    elif not os.access(folder, os.W_OK | os.X_OK):
        reason = errno.EACCES
    else:
        return
    raise _cannot_write(target, OSError(reason, os.strerror(reason)))


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` at once or not at all."""
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a fresh folder inside `parent` whose name starts with ``.scratch``.

    It goes with the block. Where a kill was faster, the next call in `parent` removes it: a lock
    that ends with its process tells which folders are in use.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        folder = Path(mkdtemp(prefix=_SCRATCH, dir=parent))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise _cannot_write(parent, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(parent: Path) -> None:
    """Remove scratch folders of processes that were killed."""
    for folder in parent.glob(f"{_SCRATCH}*"):
        with suppress(OSError):  # in use, or another process was faster
            if time.time() - folder.stat().st_ctime < _UNLOCKED_SECONDS:
                continue
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _cannot_write(target: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot be written ({error.strerror or error})",
        where=target,
        fix="choose another place, or free space on the disk",
    )


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path:
        raise ValueError(f"{path!r} leaves the artifact's folder")
    return path


class File(Record):
    """A file that belongs to an artifact, by a path relative to the artifact's folder."""

    path: Annotated[str, AfterValidator(_inside)]
    sha256: str

    @classmethod
    def of(cls, folder: Path, name: str) -> Self:
        """Describe the existing file `name` in `folder`."""
        with (folder / name).open("rb") as handle:
            return cls(path=name, sha256=hashlib.file_digest(handle, "sha256").hexdigest())


class Artifact(Record):
    """A stage's result; saved as ``<stem>.json`` in its folder."""

    stem: ClassVar[str]

    def save(self, folder: Path) -> None:
        """Write the record into `folder`, at once or not at all."""
        write_text(folder / f"{self.stem}.json", self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the record back.

        Raises
        ------
        OutputError
            If it is missing, damaged, or written by another version.
        """
        path = folder / f"{cls.stem}.json"
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0]
            raise OutputError(
                f"is not a readable {cls.stem} record ({reason})",
                where=path,
                fix="delete its folder and run the stage again",
            ) from error
