"""Pruning schedules and measures of importance against each other, on Fashion-MNIST.

Trains a narrow CNV from one dense network per seed with every schedule and measure, at 50 and
75 %, in float and then with 4-bit weights and activations; prints one JSON document. All
variants get the same number of epochs in all: what is pruned trains ``dense``, ``prune`` and
``qat`` epochs; from scratch and the unpruned reference train ``dense + prune`` epochs by the dense
recipe, then ``qat``. Weights are chosen on validation images; the test images are read once, at
the end of a run.

    python benchmarks/schedules.py --out runs/schedules [--seeds 3] [--table]

Every run's result is kept in ``--out``; called again, the script goes on where it was stopped.
``--table`` prints the Markdown tables of docs/results.md in place of the JSON.
"""

import argparse
import json
import logging
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hwsubnet.artifacts import TrainedNetwork
from hwsubnet.config import SweepConfig
from hwsubnet.flow.pipeline import LEARNING, learning_part
from hwsubnet.flow.stage import Stage, complete
from hwsubnet.progress import track
from hwsubnet.tools import package_versions
from hwsubnet.train import train_dense, train_level

RECIPE: dict[str, Any] = {
    "data": {"name": "fashion-mnist", "train_images": 16_000},
    "model": {"name": "cnv", "width": 0.5},
    "precision": {"weight_bits": 4, "activation_bits": 4},
    "pruning": {"start": 0.5, "interval": 0.25, "refresh": 0.05},
    "training": {
        "batch": 128,
        "arithmetic": "auto",
        "dense": {"epochs": 8, "learning_rate": 0.05},
        "prune": {"epochs": 5, "learning_rate": 0.02},
        "qat": {"epochs": 2, "learning_rate": 0.01},
        "accelerator": "cpu",
    },
}
SPARSITIES = (0.5, 0.75)
VARIANTS = (
    ("layerwise", "activation-l1"),
    ("one-shot", "activation-l1"),
    ("stepwise", "activation-l1"),
    ("layerwise", "weight-l1"),
    ("one-shot", "weight-l1"),
    ("stepwise", "weight-l1"),
    ("scratch", None),
)
"""Schedules and measures; from scratch nothing is measured."""
MEASURES = {"activation-l1": "activations", "weight-l1": "weights", None: "none"}


@dataclass(frozen=True)
class Run:
    """One network to be trained; `schedule` is ``dense`` for the unpruned reference."""

    seed: int
    schedule: str
    measure: str | None
    sparsity: float

    @property
    def name(self) -> str:
        """Of its folder."""
        parts = (self.schedule, self.measure, f"{self.sparsity:g}" if self.sparsity else None)
        return "-".join(part for part in parts if part)


def runs(seeds: int) -> Iterator[Run]:
    """List all runs, seed by seed, so that a part of them is already a comparison."""
    for seed in range(seeds):
        yield Run(seed, "dense", None, 0.0)
        for sparsity in SPARSITIES:
            for schedule, measure in VARIANTS:
                yield Run(seed, schedule, measure, sparsity)


def config_of(run: Run) -> SweepConfig:
    """Give a run's recipe; all have the same number of epochs in all."""
    recipe = RECIPE["training"]
    tree = RECIPE | {"seed": run.seed, "pruning": dict(RECIPE["pruning"])}
    if run.measure:
        tree["pruning"] |= {"schedule": run.schedule, "importance": run.measure}
    else:
        epochs = recipe["dense"]["epochs"] + recipe["prune"]["epochs"]
        tree["training"] = recipe | {"dense": recipe["dense"] | {"epochs": epochs}}
        tree["pruning"]["schedule"] = "scratch"
    return SweepConfig.model_validate(tree)


def dense_network(run: Run, out: Path) -> tuple[TrainedNetwork, Path]:
    """Train what a run starts from, or find it: one network per seed and length of training."""
    config = config_of(run)
    folder = out / f"seed-{run.seed}" / f"start-{config.training.dense.epochs}"
    needed = config.model_copy(update={"pruning": SweepConfig().pruning})
    trained = _kept("dense", folder, (learning_part(needed),), lambda f: train_dense(config, f))
    return trained, folder


def train(run: Run, out: Path) -> TrainedNetwork:
    """Train one network, or find it trained."""
    config = config_of(run)
    dense, dense_folder = dense_network(run, out)
    return _kept(
        run.name,
        out / f"seed-{run.seed}" / run.name,
        (learning_part(config), run.sparsity, dense),
        lambda folder: train_level(config, dense, dense_folder, run.sparsity, folder),
    )


def _kept(
    name: str, folder: Path, depends: tuple[object, ...], work: Callable[[Path], TrainedNetwork]
) -> TrainedNetwork:
    stage = Stage(name, TrainedNetwork, depends, LEARNING, work, resumes=True)
    return complete(stage, folder)


def row(run: Run, trained: TrainedNetwork) -> dict[str, Any]:
    """Give a run's accuracies, in percent."""
    test, validation = trained.test, trained.validation
    assert test is not None
    assert validation is not None
    accuracies = {
        f"{split.split}_{kind}": round(100 * value, 3)
        for split in (validation, test)
        for kind, value in (("float", split.float_), ("quantized", split.quantized))
        if value is not None
    }
    return vars(run) | accuracies


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give mean and standard deviation over seeds, and the distance to layerwise by seed."""
    grouped: dict[tuple[str, str | None, float], dict[int, dict[str, Any]]] = {}
    for found in rows:
        key = found["schedule"], found["measure"], found["sparsity"]
        grouped.setdefault(key, {})[found["seed"]] = found
    result = []
    for (schedule, measure, sparsity), by_seed in grouped.items():
        entry: dict[str, Any] = {"schedule": schedule, "measure": measure, "sparsity": sparsity}
        reference = grouped.get(("layerwise", "activation-l1", sparsity), {})
        for kind in ("test_float", "test_quantized"):
            entry[kind] = _spread([found[kind] for found in by_seed.values()])
            entry[f"{kind}_above_layerwise"] = _spread(
                [
                    found[kind] - reference[seed][kind]
                    for seed, found in by_seed.items()
                    if seed in reference
                ]
            )
        result.append(entry)
    return result


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {
        "mean": round(statistics.mean(values), 3),
        "deviation": round(deviation, 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def table(summed: Sequence[dict[str, Any]]) -> str:
    """Give the Markdown table of docs/results.md."""
    kinds = [(s, kind) for s in SPARSITIES for kind in ("float", "quantized")]
    names = {"float": "float", "quantized": "W4A4"}
    lines = [
        "| schedule | importance | " + " | ".join(f"{s:.0%}, {names[k]}" for s, k in kinds) + " |",
        "|---|---|" + "--:|" * len(kinds),
    ]
    by_key = {(e["schedule"], e["measure"], e["sparsity"]): e for e in summed}
    for schedule, measure in VARIANTS:
        cells = []
        for sparsity, kind in kinds:
            value = by_key[schedule, measure, sparsity][f"test_{kind}"]
            cells.append(f"{value['mean']:.2f} ± {value['deviation']:.2f}")
        lines.append(f"| {schedule} | {MEASURES[measure]} | " + " | ".join(cells) + " |")
    dense = by_key["dense", None, 0.0]
    cells = [f"{dense[f'test_{k}']['mean']:.2f} ± {dense[f'test_{k}']['deviation']:.2f}"
             for k in ("float", "quantized")]  # fmt: skip
    lines.append(f"\nUnpruned: {cells[0]} in float, {cells[1]} W4A4.")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/schedules"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("hwsubnet").setLevel(logging.INFO)
    planned = list(runs(arguments.seeds))
    rows = [row(run, train(run, arguments.out)) for run in track(planned, "schedules")]
    summed = summary(rows)
    if arguments.table:
        print(table(summed))
        return
    document = {
        "benchmark": "schedules",
        "recipe": RECIPE,
        "threads": torch.get_num_threads(),
        "versions": package_versions("hwsubnet", *LEARNING),
        "runs": rows,
        "summary": summed,
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
