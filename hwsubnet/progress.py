"""Progress bars on a terminal's stderr, silence elsewhere; stdout stays free for results."""

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

console = Console(stderr=True)
"""All that a person reads while work is going on is written here."""

_active: list[Progress] = []


@contextmanager
def progress() -> Iterator[Progress]:
    """Open the live display, or join the one that is already open (bars nest)."""
    if _active:
        yield _active[-1]
        return
    display = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        # A quiet one: a disabled display still writes an empty line at its end.
        console=console if console.is_terminal else Console(quiet=True),
        transient=True,
    )
    with display:
        _active.append(display)
        try:
            yield display
        finally:
            _active.pop()


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` under a progress bar."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress() as display:
        task = display.add_task(description, total=total)
        try:
            for item in items:
                yield item
                display.advance(task)
        finally:
            display.remove_task(task)
