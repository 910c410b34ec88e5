"""The paper's recipes: they fit their networks, and small versions of their rows run."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.config import SweepConfig, load_config, presets
from hwsubnet.models import MODELS, build
from hwsubnet.prune.schedules import SCHEDULES, find_parts, make_schedule

ROOT = Path(__file__).parents[1]
PAPER = [name for name in presets() if name.startswith("paper-")]
IMAGES = {
    "cifar10": ((3, 32, 32), 50_000), "cifar100": ((3, 32, 32), 50_000),
    "cityscapes": ((3, 256, 512), 2_975), "unpaired": ((3, 128, 128), 1_334),
}  # fmt: skip
"""Shape, and how many training images there are."""


def benchmark():
    spec = importlib.util.spec_from_file_location("paper", ROOT / "benchmarks" / "paper.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["paper"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


paper = benchmark()


def test_every_table_of_the_paper_has_a_recipe():
    assert sorted(paper.TABLES) == PAPER
    for rows in paper.TABLES.values():
        assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("preset", PAPER)
def test_every_row_fits_into_its_phase(preset):
    config = load_config(preset=preset)
    shape, images = IMAGES[config.data.name]
    small = max(32, MODELS[config.model.name].multiple)  # groups do not depend on sizes
    spec = NetworkSpec(
        name=config.model.name, input_shape=(shape[0], small, small), classes=10, width=0.2
    )
    steps = round(images * (1 - config.data.validation)) // config.training.batch
    network = build(spec)
    for row in paper.TABLES[preset]:
        changed = paper._changed(config, row)
        if row.bits:
            precision = changed.precision
            assert (precision.weight_bits, precision.activation_bits) == row.bits
        if row.sparsity and row.schedule != "scratch":
            parts = find_parts(changed.pruning, network)
            schedule = make_schedule(changed, parts, row.sparsity, steps)
            assert type(schedule) is SCHEDULES[row.schedule]
            assert schedule.end < changed.training.prune.epochs * steps


def test_published_numbers_of_steps():
    recipe = load_config(preset="paper-unet").training
    steps = round(2_975 * 0.9) // recipe.batch
    assert [round(phase.epochs * steps, -3) for phase in (recipe.dense, recipe.prune)] == [
        45_000, 35_000
    ]  # fmt: skip
    pruning = load_config(preset="paper-frrn").pruning
    assert [round(n * steps) for n in (pruning.start, pruning.interval, pruning.refresh)] == [
        10, 175, 10
    ]  # fmt: skip


SMALL = {
    "data": {"name": "digits", "train_images": 400, "test_images": 60},
    "model": {"width": 0.13},
    "pruning": {"start": 0, "interval": 0.05, "refresh": 0.05},
    "training": {
        "batch": 36,
        "arithmetic": "float32",
        "dense": {"epochs": 1},
        "prune": {"epochs": 4},
        "qat": {"epochs": 1},
        "quantize_weights_after": 0,
        "quantize_activations_after": 0,
        "accelerator": "cpu",
    },
}
"""Ten steps an epoch, on what every machine has."""


def small(preset, changes) -> SweepConfig:
    tree = load_config(preset=preset).model_dump(exclude_unset=True)
    return SweepConfig.model_validate(merged(merged(tree, SMALL), changes))


def merged(tree, changes):
    return tree | {
        key: merged(tree.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in changes.items()
    }


@pytest.mark.parametrize(
    ("preset", "changes", "names"),
    [
        ("paper-resnet32", {"training": {"prune": {"epochs": 5}}}, ["0.5-layerwise-w4a4"]),
        pytest.param(
            "paper-mobilenetv2",
            # narrower, 75 % leaves a channel in every layer or none, and training diverges
            {"training": {"prune": {"epochs": 8}}, "model": {"width": 0.35}},
            ["dense", *(f"0.5-{name}" for name in paper.SCHEDULES), "0.75-layerwise-weights",
             "0.5-layerwise-w4a8"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "paper-densenet121",
            {"training": {"prune": {"epochs": 26}}, "model": {"width": 0.05}},
            ["0.5-layerwise-w8a8"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["resnet32", "mobilenetv2", "densenet121"],
)  # fmt: skip
def test_small_versions_of_rows_run_from_one_dense_network(preset, changes, names, tmp_path):
    config = small(preset, changes)
    rows = {row: number for row, number in paper.TABLES[preset].items() if row.name in names}
    assert len(rows) == len(names)
    found = list(paper.results(config, rows, tmp_path))
    assert [one["row"] for one in found] == [row.name for row in rows]
    for one, row in zip(found, rows, strict=True):
        assert one["metric"] == "accuracy"
        assert 0 <= one["ours"] <= 100
        assert ("performance_density" in one) == bool(row.bits)
        trained = json.loads((tmp_path / row.name / "trained.json").read_text())
        assert trained["sparsity"] == row.sparsity
        if row.bits:
            assert trained["spec"]["precision"]["weight_bits"] == row.bits[0]
    assert list(paper.results(config, rows, tmp_path)) == found, "found again, not trained again"
