"""A stage's result is made once and found again by the digest of all that it depends on.

A stage works in a hidden folder beside its own, which takes the place of its own in one rename
when it has ended. A kill at any moment therefore leaves a stage done or not done; one that
`resumes` finds its hidden folder, with its checkpoints, as it left it.
"""

import errno
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from hwsubnet.artifacts import Artifact, File, digest
from hwsubnet.errors import HwsubnetError, OutputError
from hwsubnet.tools import package_versions

A = TypeVar("A", bound=Artifact)

log = logging.getLogger(__name__)

_STORAGE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
}
"""What the operating system says when it cannot write; anything else is a fault of ours."""


@dataclass(frozen=True)
class Stage(Generic[A]):
    """One step of the pipeline.

    Attributes
    ----------
    name
        What it does, for people.
    gives
        The type of its result.
    depends
        The parts of the config and the results of earlier stages that its result depends on.
    packages
        Distributions whose version its result depends on.
    run
        Does the work in the folder it is given. The files it writes there are its result's.
    resumes
        Whether `run`, given the folder of an interrupted attempt, goes on from there.
    """

    name: str
    gives: type[A]
    depends: tuple[object, ...]
    packages: tuple[str, ...]
    run: Callable[[Path], A]
    resumes: bool = False

    @property
    def key(self) -> str:
        """Digest of all that the result depends on."""
        return digest(self.name, package_versions("hwsubnet", *self.packages), *self.depends)


class StageRecord(Artifact):
    """Which result lies in a stage's folder: ``stage.json``."""

    stem: ClassVar[str] = "stage"

    stage: str
    key: str
    result: str
    """Digest of the result's record, which in turn names its files' digests."""


def complete(stage: Stage[A], folder: Path) -> A:
    """Return the stage's result from `folder`; make it if it is not there.

    A result is used again only if its key is that of `stage` and none of its files has changed;
    otherwise the new result takes its place.

    Raises
    ------
    OutputError
        If `folder` cannot be written or the disk is full.
    HwsubnetError
        What the stage itself raises.
    """
    key = stage.key
    found = _find(stage, key, folder)
    if found is not None:
        log.info("%s: done before", stage.name)
        return found
    work = folder.with_name(f".{folder.name}-{key[:12]}")
    start = time.monotonic()
    if not stage.resumes:
        shutil.rmtree(work, ignore_errors=True)
    make_folder(work)
    with storage_errors(folder):
        try:
            result = stage.run(work)
            result.save(work)
            StageRecord(stage=stage.name, key=key, result=digest(result)).save(work)
            _move(work, folder)
        except (HwsubnetError, OSError):
            if not stage.resumes:
                shutil.rmtree(work, ignore_errors=True)
            raise
    log.info("%s: %.1f s", stage.name, time.monotonic() - start)
    return result


def make_folder(folder: Path) -> None:
    """Create a folder and its parents if need be, or raise `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


@contextmanager
def storage_errors(where: Path) -> Iterator[None]:
    """Turn the operating system's complaints about storage into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        raise _cannot_write(where, error) from error


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files of a run that was killed; nobody else may be at work there."""
    for path in [*folder.rglob(".*.tmp"), *folder.rglob(".scratch-*")]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _cannot_write(where: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot be written ({error.strerror})",
        where=where,
        fix="choose another --out, or free space on the disk",
    )


def _find(stage: Stage[A], key: str, folder: Path) -> A | None:
    try:
        record = StageRecord.load(folder)
        result = stage.gives.load(folder)
    except OutputError:  # not there, or damaged: make it
        return None
    if record.key != key or record.result != digest(result):
        return None
    files = [value for _, value in result if isinstance(value, File)]
    intact = all(
        (folder / file.path).is_file() and File.of(folder, file.path) == file for file in files
    )
    return result if intact else None


def _move(work: Path, folder: Path) -> None:
    """Put `work` in the place of `folder`."""
    old = folder.with_name(f".{folder.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    work.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
