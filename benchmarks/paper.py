"""The tables of Zhang, Colbert & Das (2022), row by row, from one dense network.

    python benchmarks/paper.py paper-mobilenetv2 --out runs/paper [--data DIR] [--rows PATTERN]

Prints each row as it is done, JSON with the paper's number beside, in percent (FID as it is). Each
result is kept in ``--out``; called again, the script goes on where it was stopped. A row is the
preset with another schedule, measure or precision, so ``hwsubnet train --preset P --set ...`` does
the same, but trains the dense network anew. ``--set KEY=VALUE`` changes the recipe, as there.

Meant for a GPU. Float rows are measured before quantization, the others after. Weights are chosen
on validation images, held out from the training images; the authors chose them by the test
images, of which we report once.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hwsubnet.artifacts import TrainedNetwork
from hwsubnet.cli.options import read_config
from hwsubnet.compact import count, megabits
from hwsubnet.config import SweepConfig
from hwsubnet.flow.pipeline import LEARNING, learning_part
from hwsubnet.flow.stage import Stage, complete
from hwsubnet.models import build
from hwsubnet.train import Task, make_task, train_dense, train_level

SCHEDULES = ("scratch", "one-shot", "stepwise", "layerwise")
BITS = ((8, 8), (4, 8), (4, 4))


@dataclass(frozen=True)
class Row:
    """One number of a table; `bits` are those of weights and activations, None in float."""

    sparsity: float
    schedule: str = "layerwise"
    importance: str = "published"
    bits: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Of its folder."""
        if not self.sparsity:
            return "dense"
        measure = "-weights" if self.importance == "weight-l1" else ""
        bits = "-w{}a{}".format(*self.bits) if self.bits else ""
        return f"{self.sparsity:g}-{self.schedule}{measure}{bits}"


ROWS = (
    Row(0),
    *(Row(sparsity, schedule) for sparsity in (0.5, 0.75) for schedule in SCHEDULES),
    Row(0.75, importance="weight-l1"),
    *(Row(0.5, bits=bits) for bits in BITS),
)
TABLES: dict[str, dict[Row, float]] = {
    f"paper-{network}": dict(zip(ROWS, numbers, strict=True))
    for network, numbers in {
        "densenet121": (
            78.70, 76.75, 78.40, 77.14, 78.77, 73.07, 76.40, 72.55, 76.44, 73.53,
            79.01, 78.41, 75.99,
        ),
        "mobilenetv2": (
            68.31, 65.36, 67.39, 68.05, 67.58, 56.66, 56.16, 60.40, 60.71, 60.62,
            67.58, 64.67, 59.25,
        ),
        "unet": (
            61.69, 58.90, 60.59, 58.13, 60.57, 56.71, 52.77, 51.05, 56.48, 54.38,
            60.44, 60.15, 56.12,
        ),
        "frrn": (
            66.32, 61.84, 64.53, 64.90, 65.52, 59.29, 58.71, 56.59, 61.14, 60.18,
            64.81, 63.42, 59.04,
        ),
        "cyclegan": (
            47.17, 50.39, 49.43, 52.83, 48.06, 59.55, 57.07, 65.67, 55.48, 67.97,
            58.12, 64.25, 92.71,
        ),
    }.items()
} | {
    "paper-resnet32": {
        Row(0.25, bits=(8, 8)): 92.53, Row(0.4, bits=(8, 8)): 91.77,
        Row(0.5, bits=(8, 8)): 90.16, Row(0.5, bits=(4, 4)): 87.30,
    },
}  # fmt: skip
"""By preset: what the paper reports."""


def results(
    config: SweepConfig, rows: dict[Row, float], out: Path, task: Task | None = None
) -> Iterator[dict[str, Any]]:
    """Train the rows, or find them trained, and give what they reached beside the paper's."""
    task = task or make_task(config)
    folder = out / "dense"
    depends: tuple[object, ...] = (learning_part(config),)
    dense = _kept("dense", folder, depends, lambda at: train_dense(config, at, task))
    for row, published in rows.items():
        changed = _changed(config, row)

        def train(at: Path, row: Row = row, changed: SweepConfig = changed) -> TrainedNetwork:
            return train_level(changed, dense, folder, row.sparsity, at, task)

        depends = (learning_part(changed), row.sparsity, dense)
        trained = _kept(row.name, out / row.name, depends, train)
        yield vars(row) | {"row": row.name, "paper": published} | _measured(changed, trained, row)


def _measured(config: SweepConfig, trained: TrainedNetwork, row: Row) -> dict[str, Any]:
    test = trained.test
    assert test is not None
    value = test.quantized if row.bits else test.float_
    assert value is not None
    if test.metric in ("accuracy", "mIoU"):
        value *= 100
    found: dict[str, Any] = {"metric": test.metric, "ours": round(value, 2), "images": test.images}
    if row.bits and test.metric == "accuracy":
        counts = count(build(trained.spec), trained.spec.input_shape)
        weights = megabits(counts.parameters, row.bits[0], row.sparsity)
        activations = megabits(counts.activations_paper, row.bits[1], row.sparsity)
        found["performance_density"] = round(value / (weights + activations), 2)
    return found


def _changed(config: SweepConfig, row: Row) -> SweepConfig:
    pruning = {"schedule": row.schedule, "importance": row.importance}
    precision = dict(zip(("weight_bits", "activation_bits"), row.bits or (), strict=False))
    tree = config.model_dump()
    return SweepConfig.model_validate(
        tree | {"pruning": tree["pruning"] | pruning, "precision": tree["precision"] | precision}
    )


def _kept(
    name: str, folder: Path, depends: tuple[object, ...], work: Callable[[Path], TrainedNetwork]
) -> TrainedNetwork:
    stage = Stage(name, TrainedNetwork, depends, LEARNING, work, resumes=True)
    return complete(stage, folder)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", choices=sorted(TABLES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", default="*", help="such as '0.5-*' or 'dense'")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE")
    given = parser.parse_args()
    config = read_config(None, given.preset, settings=given.set, data__path=given.data)
    rows = {row: n for row, n in TABLES[given.preset].items() if fnmatchcase(row.name, given.rows)}
    for found in results(config, rows, given.out):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
