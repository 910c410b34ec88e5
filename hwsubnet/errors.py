"""Every error that hwsubnet raises on purpose.

::

    HwsubnetError
    ├── BadInput             exit 2: the user can mend it
    │   ├── ConfigError      a recipe, a command-line value, a run folder made with another config
    │   ├── BoardError       an unknown board or a malformed board file
    │   ├── DatasetError     a data set that is missing or damaged
    │   ├── ModelError       a model file that cannot be read, or that holds what cannot be lowered
    │   │   └── NoHardware   no layer of it can become hardware
    │   ├── FoldingError     a folding that breaks a divisor rule or names unknown nodes
    │   ├── OutputError      a folder that cannot be written, or a disk that is full
    │   ├── ToolError        a tool that is missing, too old, or that failed
    │   └── DeviceError      a board, its overlay's files, or a DMA that does not answer
    └── NegativeResult       exit 1: the work ran, and the answer is no
        ├── DoesNotFit       more resources than the board has
        ├── Mismatch         two rungs of the ladder of truth disagree
        └── Deadlock         the accelerator stopped making progress

A message is one line: what is wrong, where, which rule it breaks, and the way out.
"""

from typing import ClassVar


class HwsubnetError(Exception):
    """Base of the tree.

    Parameters
    ----------
    what
        What is wrong and which rule it breaks, with the offending value.
    where
        The file, field, node or layer at fault.
    fix
        The way out, as something the user can do.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: object = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        text = f"{where}: {what}" if where is not None else what
        if fix:
            text = f"{text}; {fix}"
        # A name from an untrusted file may hold line breaks or terminal escapes.
        super().__init__("".join(c if c.isprintable() else " " for c in text))


class BadInput(HwsubnetError):
    """Something the user gave cannot be used."""


class ConfigError(BadInput):
    """A recipe, a command-line value, or a run folder made with another config."""


class BoardError(BadInput):
    """An unknown board or a malformed board file."""


class DatasetError(BadInput):
    """A data set that is missing or damaged."""


class ModelError(BadInput):
    """A model file that cannot be read, or that holds what cannot be lowered."""


class NoHardware(ModelError):
    """A model of which no layer can become hardware."""


class FoldingError(BadInput):
    """A folding that breaks a divisor rule or names unknown nodes."""


class OutputError(BadInput):
    """A folder that cannot be written, or a disk that is full."""


class ToolError(BadInput):
    """An external tool that is missing, too old, or that failed."""


class DeviceError(BadInput):
    """A board, its overlay's files, or a DMA that does not answer."""


class NegativeResult(HwsubnetError):
    """The work ran to its end, and the answer is no."""

    exit_code = 1


class DoesNotFit(NegativeResult):
    """The design needs more resources than the board has."""


class Mismatch(NegativeResult):
    """Two rungs of the ladder of truth disagree."""


class Deadlock(NegativeResult):
    """The accelerator stopped making progress."""
