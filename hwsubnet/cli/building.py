"""Commands that lead to a board."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwsubnet.cli import options
from hwsubnet.cli.answer import Answer, answers
from hwsubnet.cli.commands import app as app
from hwsubnet.cli.options import read_target

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hwsubnet.build.record import BuiltPackage


@app.command()
@answers
def build(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="Any QONNX model.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Gets vivado/, package/ and build.json.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the package [the model's].")
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--inputs",
            metavar="X.npz",
            help="Golden inputs x (N, ...) [golden.npz beside the model, or random ones].",
        ),
    ] = None,
    emulate: Annotated[
        bool,
        typer.Option("--emulate", help="First prove driver, shell and accelerator together."),
    ] = False,
    vivado: Annotated[
        Path | None, typer.Option("--vivado", metavar="PROGRAM", help="Vivado [on the PATH].")
    ] = None,
    bitstream: Annotated[
        bool,
        typer.Option("--bitstream/--no-bitstream", help="Run Vivado if it is there, or do not."),
    ] = True,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, metavar="N", help="Vivado's processes [cores].")
    ] = None,
    board: options.Board = None,
    clock: options.Clock = None,
    fps: options.Fps = None,
    max_fps: options.MaxFps = False,
    folding: options.Folding = None,
    as_json: options.Json = False,
) -> Answer:
    """Make a PYNQ package of a QONNX model: its bitstream where Vivado is installed.

    Without Vivado all but bitstream and .hwh is written, and it is said how to make them. Exit code
    1 if the accelerator does not fit the board, the emulated board gives a wrong output, or the
    placed design is too slow for the clock.
    """
    from hwsubnet.cli.arrays import read_frames

    target = read_target(board, clock, fps, max_fps, folding)
    x = read_frames(inputs) if inputs is not None else None

    from hwsubnet import flow, tools
    from hwsubnet.cli import tables

    built = flow.build_model(
        model,
        target.board,
        out,
        name=name,
        x=x,
        where=inputs,
        emulate=emulate,
        fps=target.fps,
        folding=folding,
        clock_mhz=target.clock_mhz,
        vivado=vivado,
        bitstream=bitstream,
        jobs=jobs or tools.cores(),
    )
    vendor = built.package.vendor
    good = built.metrics.fits is not False and (vendor is None or vendor.in_time)
    return Answer(
        built.metrics.model_dump(mode="json") | {"package": built.package.model_dump(mode="json")},
        lambda: (
            *_shown(built.package, out, built.metrics.fps),
            *tables.metrics(built.metrics, target.board, target.clock_mhz),
        ),
        0 if good else 1,
    )


@app.command()
@answers
def deploy(
    package: Annotated[
        Path, typer.Argument(metavar="DIR/package", help="What `hwsubnet build` made.")
    ],
    host: Annotated[
        str, typer.Option("--host", metavar="[USER@]HOST", help="The board, as ssh takes it.")
    ],
    folder: Annotated[
        str | None,
        typer.Option("--folder", metavar="DIR", help="On the board [hwsubnet/NAME at home]."),
    ] = None,
    python: Annotated[
        str, typer.Option("--python", metavar="COMMAND", help="PYNQ's Python on the board.")
    ] = "python3",
    frames: Annotated[
        int, typer.Option("--frames", min=0, metavar="N", help="To measure with; 0: do not.")
    ] = 1000,
    ssh_config: Annotated[
        Path | None,
        typer.Option("--ssh-config", metavar="FILE", help="Instead of your own for ssh."),
    ] = None,
    as_json: options.Json = False,
) -> Answer:
    """Copy a complete package to a board over ssh, and run its golden vectors there.

    Exit code 1 if the board gives another output than the golden ones.
    """
    from hwsubnet.build.deploy import Target, deploy as deploy_package

    target = Target(host=host, folder=folder, python=python, ssh_config=ssh_config)
    found = deploy_package(package, target, frames=frames)

    def show() -> "tuple[RenderableType, ...]":
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        grid.add_row("board", f"{found.host}:{found.folder}")
        grid.add_row("golden frames, all right", f"{found.checked}")
        for name, value in found.measured.items():
            grid.add_row(name, f"{value:,.6g}")
        return (grid,)

    return Answer(found.model_dump(mode="json"), show)


def _shown(package: "BuiltPackage", out: Path, fps: float | None) -> "tuple[RenderableType, ...]":
    """Say what was made, what was proved, and what is left to do."""
    from rich.table import Table
    from rich.text import Text

    from hwsubnet.cli import tables

    grid = Table.grid(padding=(0, 2))
    grid.add_row("package", Text(str(out / "package")))
    shell = package.shell.cells.resources
    grid.add_row("shell (Yosys)", f"{tables.number(shell.LUT)} LUT, {tables.number(shell.FF)} FF")
    if fps is not None and package.port_fps < fps:
        bound = f"moves {tables.number(package.port_fps)} frames per second, fewer than computed"
        grid.add_row("memory port", bound)
    if package.emulated is not None:
        run = package.emulated
        grid.add_row("emulated board", f"{run.frames} frames, {run.mismatches} differ")
    if package.vendor is not None:
        run_by = package.vendor
        grid.add_row("bitstream", Text(f"{package.name}.bit, by {run_by.tool}"))
        slack = f"{run_by.slack_ns:+.3f} ns slack at {package.clock_mhz:g} MHz"
        grid.add_row("timing", f"{slack}: up to {run_by.clock_mhz:.1f} MHz")
        if not run_by.in_time:
            slower = f"it is too slow: build it again with --clock {int(run_by.clock_mhz)}"
            grid.add_row("", slower)
    left = [Text(f"Left to do, where Vivado is installed: {command}") for command in package.left]
    return grid, *left
