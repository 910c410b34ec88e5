"""How a layer ranks its channels in the dense network and given sparse predecessors.

Trains small classifiers and variational autoencoders on Fashion-MNIST, each from its own seed, and
compares rankings by Kendall's tau-a and Levenshtein distance (see ``hwsubnet.analysis``). Prints
one JSON document.

    python benchmarks/rankings.py --out runs/rankings [--models 30] [--figure figure.html]

Every model's result is kept in ``--out``; called again, the script goes on where it was stopped.
"""

import argparse
import dataclasses
import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from hwsubnet.analysis import KINDS, Comparison, Kind, rankings_figure, run_model
from hwsubnet.artifacts import digest, write_text
from hwsubnet.config import DataConfig
from hwsubnet.data import Split, load_data
from hwsubnet.progress import track
from hwsubnet.tools import package_versions

IMAGES = 6000
EPOCHS = 4
MEASURE = "activation-l1"


def measured(kind: Kind, seed: int, split: Split, out: Path) -> tuple[Comparison, ...]:
    """Train and compare one model, or read what was found before with the same recipe."""
    recipe = digest(kind, seed, IMAGES, EPOCHS, MEASURE, torch.__version__)
    path = out / f"{kind}-{seed}-{recipe[:12]}.json"
    if path.exists():
        return tuple(Comparison(**row) for row in json.loads(path.read_text()))
    found = run_model(kind, split, 10, seed=seed, epochs=EPOCHS, measure=MEASURE)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps([dataclasses.asdict(row) for row in found]))
    return found


def summary(found: dict[Kind, list[Comparison]]) -> Iterable[dict[str, Any]]:
    """Give medians and quartiles over the models, by kind, layer and sparsity."""
    for kind, rows in found.items():
        for layer, sparsity in dict.fromkeys((row.layer, row.sparsity) for row in rows):
            chosen = [row for row in rows if (row.layer, row.sparsity) == (layer, sparsity)]
            entry = {
                "kind": kind,
                "layer": layer,
                "channels": chosen[0].channels,
                "sparsity": sparsity,
                "models": len(chosen),
            }
            for name, values in (
                ("tau", [row.tau for row in chosen]),
                ("edited", [row.edited for row in chosen]),
            ):
                quartiles = statistics.quantiles(values, method="inclusive")
                entry[name] = [round(quartile, 3) for quartile in quartiles]
            yield entry


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/rankings"))
    parser.add_argument("--models", type=int, default=30)
    parser.add_argument("--figure", type=Path, help="write the figure as HTML")
    arguments = parser.parse_args()
    config = DataConfig(name="fashion-mnist", train_images=IMAGES, augment=False)
    split = load_data(config, 0).train
    found: dict[Kind, list[Comparison]] = {kind: [] for kind in KINDS}
    runs = [(kind, seed) for seed in range(arguments.models) for kind in KINDS]
    for kind, seed in track(runs, "rankings"):
        found[kind].extend(measured(kind, seed, split, arguments.out))
    if arguments.figure:
        rankings_figure(found).write_html(arguments.figure, config={"displayModeBar": False})
    document = {
        "benchmark": "rankings",
        "images": len(split),
        "epochs": EPOCHS,
        "measure": MEASURE,
        "versions": package_versions("hwsubnet", "torch"),
        "summary": list(summary(found)),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
