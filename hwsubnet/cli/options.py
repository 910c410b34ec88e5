"""Options that several commands share, and what they mean for the config."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
import yaml

from hwsubnet.errors import ConfigError

if TYPE_CHECKING:
    from hwsubnet.boards import Board as BoardRecord
    from hwsubnet.config import SweepConfig

_TARGET = "Which accelerator"
_RECIPE = "Which training"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Config = Annotated[
    Path | None, typer.Argument(metavar="[CONFIG.yaml]", help="A recipe of your own.")
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", metavar="NAME", help="A recipe that ships with hwsubnet."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run's folder [runs/<name>].")
]
Board = Annotated[
    str | None,
    typer.Option(
        "--board",
        metavar="NAME|FILE.yaml",
        help="A board that `hwsubnet boards` lists, or your own file [Pynq-Z2].",
        rich_help_panel=_TARGET,
    ),
]
Clock = Annotated[
    float | None,
    typer.Option(
        "--clock", metavar="MHZ", help="Its clock [the board's].", rich_help_panel=_TARGET
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps",
        metavar="N",
        help="The cheapest folding that gives N frames per second.",
        rich_help_panel=_TARGET,
    ),
]
MaxFps = Annotated[
    bool,
    typer.Option(
        "--max-fps", help="The fastest folding that fits (default).", rich_help_panel=_TARGET
    ),
]
Folding = Annotated[
    Path | None,
    typer.Option(
        "--folding",
        metavar="FILE.json",
        help="A folding of your own: PE, SIMD and more by node.",
        rich_help_panel=_TARGET,
    ),
]
Levels = Annotated[
    str | None,
    typer.Option(
        "--levels",
        metavar="S,S,...",
        help="Shares of the channels to prune [0,0.25,0.5,0.75].",
        rich_help_panel=_RECIPE,
    ),
]
Align = Annotated[
    str | None,
    typer.Option(
        "--align",
        metavar="N|auto",
        help="Round the channels kept up to multiples of N, or as folds best on the board.",
        rich_help_panel=_RECIPE,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Where the data set lies [its usual place].",
        rich_help_panel=_RECIPE,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Of splits and training.", rich_help_panel=_RECIPE),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any field of the recipe, such as pruning.schedule=one-shot; may be repeated.",
        rich_help_panel=_RECIPE,
    ),
]
Sparsity = Annotated[
    float | None,
    typer.Option("--sparsity", metavar="S", help="One of the run's levels [all of them]."),
]


def read_config(
    path: Path | None,
    preset: str | None,
    *,
    fps: float | None = None,
    max_fps: bool = False,
    levels: str | None = None,
    settings: Sequence[str] | None = None,
    align: str | None = None,
    **overrides: Any,
) -> "SweepConfig":
    """Join a recipe and the options that win over it.

    Parameters
    ----------
    path, preset
        The recipe.
    fps, max_fps
        Exclude each other.
    levels
        Numbers with commas between.
    settings
        Of the form ``pruning.schedule=one-shot``, the value as in YAML.
    align
        A whole number or ``auto``.
    overrides
        By dotted path with ``__`` for the dot.

    Raises
    ------
    ConfigError
        Naming the option or field, and the rule.
    """
    from hwsubnet.config import load_config

    exclusive({"--fps": fps, "--max-fps": max_fps or None})
    by_path = _settings(settings or ())
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    by_path |= {path: value for path, value in given.items() if value is not None}
    if fps is not None:
        by_path["hardware.fps"] = fps
    if levels is not None:
        by_path["pruning.levels"] = _numbers(levels)
    if align is not None:
        by_path["pruning.align"] = int(align) if align.isdecimal() else align
    config = load_config(path, preset, by_path)
    if max_fps:  # also against a recipe that asks for a number
        hardware = config.hardware.model_copy(update={"fps": None})
        config = config.model_copy(update={"hardware": hardware})
    return config


class Target(NamedTuple):
    """Which accelerator a command makes of a model."""

    board: "BoardRecord"
    fps: float | None
    clock_mhz: float


def read_target(
    board: str | None, clock: float | None, fps: float | None, max_fps: bool, folding: Path | None
) -> Target:
    """Check the options that choose the accelerator, and fill in their defaults.

    Raises
    ------
    ConfigError
        If they exclude each other, or a value breaks its rule.
    BoardError
        If the board is not known or malformed.
    """
    from hwsubnet.boards import load_board

    exclusive({"--fps": fps, "--max-fps": max_fps or None, "--folding": folding})
    hardware = read_config(
        None, None, fps=fps, hardware__board=board, hardware__clock_mhz=clock
    ).hardware
    found = load_board(hardware.board)
    return Target(found, hardware.fps, hardware.clock_mhz or found.clock_mhz)


def exclusive(options: dict[str, object]) -> None:
    """Raise `ConfigError` if more than one of the options is given."""
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} exclude each other", fix="give one of them")


def _settings(texts: Sequence[str]) -> dict[str, Any]:
    found = {}
    for text in texts:
        path, equals, value = text.partition("=")
        try:
            found[path] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not (path and equals):
            raise ConfigError(
                f"must be a field and its value, not {text!r}",
                where="--set",
                fix="such as --set pruning.schedule=one-shot",
            )
    return found


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"must be numbers with commas between, not {text!r}",
            where="--levels",
            fix="such as --levels 0,0.25,0.5",
        ) from error
