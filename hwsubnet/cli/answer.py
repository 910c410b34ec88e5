"""What a command gives back: one JSON document for programs, or tables for people.

Only the answer goes to stdout. While a command works, whatever else writes there, Python or a
library in C++, is led to stderr.
"""

import functools
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

P = ParamSpec("P")


@dataclass(frozen=True)
class Answer:
    """A command's result.

    Attributes
    ----------
    document
        For ``--json``: of JSON's types only; unknown is ``None``.
    show
        Gives what a person sees.
    code
        Exit code: 0, or 1 if the answer is no.
    """

    document: Any
    show: Callable[[], "tuple[RenderableType, ...]"]
    code: int = 0


def answers(command: Callable[P, Answer]) -> Callable[P, None]:
    """Make a function that returns an `Answer` into a command; it needs an option `as_json`."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        _quiet_libraries()
        with _nothing_on_stdout():
            answer = command(*args, **kwargs)
        if kwargs["as_json"]:
            typer.echo(json.dumps(answer.document, indent=2, allow_nan=False))
        else:
            _show(answer)
        raise typer.Exit(answer.code)

    return run


def _show(answer: Answer) -> None:
    from rich.console import Console

    # Piped into a file or a pager, a table should not be folded to a terminal that is not there.
    console = Console(width=None if sys.stdout.isatty() else 200)
    for part in answer.show():
        console.print(part)


class _OnConsole(logging.Handler):
    """Writes above the progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        from hwsubnet.progress import console

        console.print(self.format(record), markup=False, highlight=False, soft_wrap=True)


def _quiet_libraries() -> None:
    """Show hwsubnet's own log, and of other libraries' only errors, unless -W asks for more."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", handlers=[_OnConsole()])
    logging.getLogger("hwsubnet").setLevel(logging.INFO)
    # Brings a handler of its own, to say that there is no GPU.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


@contextmanager
def _nothing_on_stdout() -> Iterator[None]:
    sys.stdout.flush()
    with _descriptor_led_to_stderr(), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _descriptor_led_to_stderr() -> Iterator[None]:
    try:
        kept = os.dup(1)
    except OSError:  # stdout is closed
        yield
        return
    try:
        with suppress(OSError):  # stderr is closed
            os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
