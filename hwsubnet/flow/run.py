"""A run's folder: made with one config and one board, and worked in by one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hwsubnet.artifacts import Artifact
from hwsubnet.boards import Board, load_board
from hwsubnet.config import SweepConfig
from hwsubnet.errors import ConfigError, OutputError
from hwsubnet.flow.stage import clear_leftovers, make_folder, storage_errors

_RESULTS = ("report.json", "report.csv", "report.html", "dense", "level-*")
"""What a run writes at the top of its folder."""


class RunRecord(Artifact):
    """What a run's folder was made with: ``run.json``."""

    stem: ClassVar[str] = "run"

    config: SweepConfig
    board: Board
    """As it was read: a board file that is edited later makes another run."""


@dataclass(frozen=True)
class Run:
    """A run at work in its folder."""

    folder: Path
    config: SweepConfig
    board: Board

    @property
    def clock_mhz(self) -> float:
        """The accelerator's clock."""
        return self.config.hardware.clock_mhz or self.board.clock_mhz


@contextmanager
def open_run(config: SweepConfig, folder: Path) -> Iterator[Run]:
    """Start a run in `folder`, or go on with the one that is there.

    Raises
    ------
    BoardError
        If the config's board is not known or malformed.
    ConfigError
        If the run there was made with another config or board: which field.
    OutputError
        If `folder` cannot be written, holds results of no run, or another process works in it.
    """
    wanted = refuse_another_run(config, folder)
    make_folder(folder)
    with _locked(folder):
        refuse_another_run(config, folder)
        clear_leftovers(folder)
        wanted.save(folder)
        yield Run(folder, wanted.config, wanted.board)


def refuse_another_run(config: SweepConfig, folder: Path) -> RunRecord:
    """Return what a run of `config` is made with; raise if `folder` is not for it.

    Raises
    ------
    BoardError
        If the config's board is not known or malformed.
    ConfigError
        If the run there was made with another config or board: which field.
    OutputError
        If `folder` holds results of no known run.
    """
    wanted = RunRecord(config=config, board=load_board(config.hardware.board))
    if (folder / "run.json").exists():
        found = RunRecord.load(folder)
        difference = _first_difference(
            found.model_dump(mode="json"), wanted.model_dump(mode="json")
        )
        if difference:
            field, was, now = difference
            raise ConfigError(
                f"this run was made with another config: {field} was {was!r}, now {now!r}",
                where=folder,
                fix="choose another --out, or delete the folder to start over",
            )
        return wanted
    strangers = sorted(path.name for name in _RESULTS for path in folder.glob(name))
    if strangers:
        raise OutputError(
            f"holds {strangers[0]}, but no run.json to say what it was made with",
            where=folder,
            fix="choose another --out",
        )
    return wanted


def recorded_config(folder: Path) -> SweepConfig:
    """Return the config that the run in `folder` was made with.

    Raises
    ------
    OutputError
        If there is no run.
    """
    if not (folder / "run.json").is_file():
        raise OutputError(
            "holds no run", where=folder, fix="make one with `hwsubnet train --out` or `sweep`"
        )
    return RunRecord.load(folder).config


def _first_difference(was: Any, now: Any, field: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*was, *now]):
            below = f"{field}.{key}" if field else str(key)
            difference = _first_difference(was.get(key), now.get(key), below)
            if difference:
                return difference
        return None
    return (field.removeprefix("config."), was, now) if was != now else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the operating system frees it however the process ends."""
    with storage_errors(folder):
        handle = (folder / ".lock").open("a+", encoding="ascii")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            raise OutputError(
                f"another hwsubnet (process {handle.read(20).strip() or 'unknown'}) works in it",
                where=folder,
                fix="wait for its end, or choose another --out",
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
