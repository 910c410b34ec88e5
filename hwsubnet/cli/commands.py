"""The commands. Each parses, calls one function of the package, and wraps what it gives."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from hwsubnet.cli import options
from hwsubnet.cli.answer import Answer, answers
from hwsubnet.cli.options import read_config, read_target

app = typer.Typer(
    name="hwsubnet",
    help="Quantized, channel-pruned subnetworks as FPGA accelerators, level by level.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Backend(StrEnum):
    """What `simulate` runs."""

    golden = "golden"
    cppsim = "cppsim"
    rtlsim = "rtlsim"


def _version(wanted: bool) -> None:
    if wanted:
        from hwsubnet import __version__

        typer.echo(f"hwsubnet {__version__}")
        raise typer.Exit


@app.callback()
def _hwsubnet(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Quantized, channel-pruned subnetworks as FPGA accelerators, level by level."""


@app.command()
@answers
def sweep(
    config: options.Config = None,
    preset: options.Preset = None,
    out: options.Out = None,
    board: options.Board = None,
    clock: options.Clock = None,
    fps: options.Fps = None,
    max_fps: options.MaxFps = False,
    levels: options.Levels = None,
    align: options.Align = None,
    data: options.Data = None,
    seed: options.Seed = None,
    settings: options.Set = None,
    as_json: options.Json = False,
) -> Answer:
    """Train, prune, lower and report: what each pruning level costs and delivers.

    Writes report.json, report.csv and report.html into the run's folder. Interrupted, the same
    command goes on where it was.
    """
    recipe = read_config(
        config,
        preset,
        fps=fps,
        max_fps=max_fps,
        levels=levels,
        settings=settings,
        hardware__board=board,
        hardware__clock_mhz=clock,
        align=align,
        data__path=data,
        seed=seed,
    )
    folder = out or Path("runs") / recipe.name

    from hwsubnet import flow
    from hwsubnet.cli import tables

    report = flow.sweep(recipe, folder)
    fits = any(level.fits is not False for level in report.levels)
    return Answer(
        report.model_dump(mode="json"), lambda: tables.report(report, folder), 0 if fits else 1
    )


@app.command()
@answers
def train(
    config: options.Config = None,
    preset: options.Preset = None,
    sparsity: options.Sparsity = None,
    out: options.Out = None,
    levels: options.Levels = None,
    align: options.Align = None,
    data: options.Data = None,
    seed: options.Seed = None,
    settings: options.Set = None,
    as_json: options.Json = False,
) -> Answer:
    """Train the dense network and its pruned, quantized levels, and no more.

    `sweep` with the same recipe and folder goes on from there.
    """
    recipe = read_config(
        config,
        preset,
        levels=levels,
        settings=settings,
        align=align,
        data__path=data,
        seed=seed,
    )
    folder = out or Path("runs") / recipe.name

    from hwsubnet import flow
    from hwsubnet.cli import tables

    trained = flow.train(recipe, folder, sparsity)
    document = [
        {
            "sparsity": level,
            "accuracy": network.test and network.test.model_dump(mode="json"),
            "validation": network.validation and network.validation.model_dump(mode="json"),
        }
        for level, network in trained.items()
    ]
    return Answer(document, lambda: tables.trained(trained, folder))


@app.command()
@answers
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `train` made.")],
    sparsity: options.Sparsity = None,
    as_json: options.Json = False,
) -> Answer:
    """Write a run's networks, pruned channels removed, as QONNX with golden vectors."""
    from hwsubnet import flow
    from hwsubnet.artifacts import ExportedModel
    from hwsubnet.cli import tables

    document: list[dict[str, Any]] = []
    for level, folder in flow.export(run, sparsity).items():
        exported = ExportedModel.load(folder)
        model, golden = folder / exported.model.path, folder / exported.golden.path
        document.append({"sparsity": level, "model": str(model), "golden": str(golden)})
    return Answer(document, lambda: tables.exported(document))


@app.command()
@answers
def estimate(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="Any QONNX model.")],
    board: options.Board = None,
    clock: options.Clock = None,
    fps: options.Fps = None,
    max_fps: options.MaxFps = False,
    folding: options.Folding = None,
    as_json: options.Json = False,
) -> Answer:
    """Say what any QONNX model costs and delivers on a board."""
    target = read_target(board, clock, fps, max_fps, folding)

    from hwsubnet import flow
    from hwsubnet.cli import tables

    found = flow.estimate_model(
        model, target.board, fps=target.fps, folding=folding, clock_mhz=target.clock_mhz
    )
    return Answer(
        found.model_dump(mode="json"),
        lambda: tables.metrics(found, target.board, target.clock_mhz),
        1 if found.fits is False else 0,
    )


@app.command()
@answers
def simulate(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="Any QONNX model.")],
    inputs: Annotated[
        Path,
        typer.Option(
            "--inputs", metavar="X.npz", help="Holds x (N, ...), in the model's input units."
        ),
    ],
    backend: Annotated[Backend, typer.Option("--backend", help="What runs.")] = Backend.golden,
    outputs: Annotated[
        Path | None,
        typer.Option(
            "--outputs", metavar="Y.npz", help="Gets y (N, ...), in the model's output units."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, metavar="N", help="Processes that share rtlsim's work.")
    ] = 1,
    waveform: Annotated[
        Path | None,
        typer.Option("--waveform", metavar="FILE.fst|FILE.vcd", help="Gets the signals of rtlsim."),
    ] = None,
    board: options.Board = None,
    clock: options.Clock = None,
    fps: options.Fps = None,
    max_fps: options.MaxFps = False,
    folding: options.Folding = None,
    as_json: options.Json = False,
) -> Answer:
    """Run a QONNX model's accelerator: as golden model, as C++, or as the RTL itself.

    Exit code 1 if an output differs from the golden model's.
    """
    from hwsubnet.artifacts import check_writable
    from hwsubnet.cli.arrays import read_frames, write_frames

    target = read_target(board, clock, fps, max_fps, folding)
    x = read_frames(inputs)
    if outputs is not None:
        check_writable(outputs)

    from hwsubnet import flow, tools
    from hwsubnet.cli import tables

    y, found = flow.simulate_model(
        model,
        target.board,
        x,
        backend.value,
        cache=tools.cache_folder("simulations"),
        fps=target.fps,
        folding=folding,
        clock_mhz=target.clock_mhz,
        jobs=jobs,
        waveform=waveform,
        where=inputs,
    )
    if outputs is not None:
        write_frames(outputs, y)
    assert found.simulation is not None
    return Answer(
        found.model_dump(mode="json"),
        lambda: tables.simulated(found, outputs),
        1 if found.simulation.mismatches else 0,
    )


@app.command()
@answers
def synth(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="Any QONNX model.")],
    board: options.Board = None,
    clock: options.Clock = None,
    fps: options.Fps = None,
    max_fps: options.MaxFps = False,
    folding: options.Folding = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="Only the parts: half the time; totals are sums.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, metavar="N", help="Syntheses at a time [cores].")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="S", help="Seconds for each of them.")
    ] = 3600,
    memory: Annotated[
        float, typer.Option("--memory", min=1, metavar="GB", help="Memory for each of them.")
    ] = 12,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Earlier syntheses [this user's cache]."),
    ] = None,
    as_json: options.Json = False,
) -> Answer:
    """Synthesize a QONNX model's accelerator with Yosys: what each part and the whole take.

    What was synthesized before, in whichever network, is not synthesized again. Exit code 1 if the
    whole does not fit the board.
    """
    target = read_target(board, clock, fps, max_fps, folding)

    from hwsubnet import flow, tools
    from hwsubnet.cli import tables
    from hwsubnet.synth import Limits

    found = flow.synthesize_model(
        model,
        target.board,
        simulations=tools.cache_folder("simulations"),
        syntheses=cache or tools.cache_folder("syntheses"),
        fps=target.fps,
        folding=folding,
        clock_mhz=target.clock_mhz,
        whole=not parts,
        limits=Limits(jobs=jobs, timeout=timeout, memory_gb=memory),
    )
    return Answer(
        found.model_dump(mode="json"),
        lambda: (
            *tables.synthesized(found),
            *tables.metrics(found, target.board, target.clock_mhz),
        ),
        0 if found.fits else 1,
    )


@app.command()
@answers
def boards(as_json: options.Json = False) -> Answer:
    """List the boards that ship with hwsubnet."""
    from hwsubnet.boards import known_boards, load_board
    from hwsubnet.cli import tables

    known = [load_board(name) for name in known_boards()]
    return Answer([board.model_dump(mode="json") for board in known], lambda: tables.boards(known))


@app.command()
@answers
def doctor(as_json: options.Json = False) -> Answer:
    """Show which tools are here, in which version, what each is for and how to get it.

    Exit code 1 if one is missing without which a laptop cannot give all numbers.
    """
    from hwsubnet.cli import tables
    from hwsubnet.tools import find_tools, package_versions

    tools = find_tools()
    packages = package_versions("hwsubnet", "torch", "brevitas", "qonnx", "finn-plus")
    lacking = any(tool.required and tool.status != "ok" for tool in tools)
    return Answer(
        {"tools": [tool.model_dump(mode="json") for tool in tools], "packages": packages},
        lambda: tables.doctor(tools, packages),
        1 if lacking else 0,
    )
