"""The two stages: the dense network, and each level that starts from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.fabric import Fabric
from torch import nn

from hwsubnet.artifacts import Accuracy, File, NetworkSpec, TrainedNetwork, digest
from hwsubnet.config import SweepConfig
from hwsubnet.data import Split, Splits, load_data
from hwsubnet.errors import ModelError
from hwsubnet.models import build, load_network, load_weights, save_weights
from hwsubnet.train.fabric import arithmetic, make_fabric
from hwsubnet.train.learner import Learner
from hwsubnet.train.phases import Phase, dense_phase, prune_phase, qat_phase
from hwsubnet.train.run import CHECKPOINT, Run
from hwsubnet.train.tasks import Measures, Task, make_task

WEIGHTS, COMPANIONS = "weights.safetensors", "companions.safetensors"


def train_dense(config: SweepConfig, out: Path, task: Task | None = None) -> TrainedNetwork:
    """Train the dense network in floating point, or go on where an earlier run was stopped.

    Parameters
    ----------
    config
        The recipe.
    out
        Folder for ``trained.json``, the weights, and a checkpoint until they are there.
    task
        What to learn; what the config's network is for, if not given.

    Returns
    -------
    The network with what it reached on the validation images. What it reaches on the test images
    is told by the level of sparsity 0.

    Raises
    ------
    ConfigError
        If the network cannot learn from such data, `out` holds a checkpoint of another recipe, or
        the training diverges.
    """
    task = task or make_task(config)
    fabric = make_fabric(config.training)
    trained: TrainedNetwork = fabric.launch(_train_dense, config, out, task)
    return trained


def train_level(
    config: SweepConfig,
    dense: TrainedNetwork,
    dense_folder: Path,
    sparsity: float,
    out: Path,
    task: Task | None = None,
    counts: Mapping[str, int] | None = None,
) -> TrainedNetwork:
    """Prune the dense network to a sparsity and quantize it, or go on with that.

    At sparsity 0 nothing is pruned, and quantization-aware training follows at once. With the
    ``scratch`` schedule a network built narrower by the sparsity goes through the dense recipe in
    place of pruning.

    The test images are read here, once, at the very end: for the quantized network, and for the
    float network as it stood before quantization began.

    Parameters
    ----------
    config
        The recipe.
    dense, dense_folder
        What `train_dense` gave, and where it lies.
    sparsity
        Share of the channels of every group that goes, in [0, 1).
    out
        Folder for ``trained.json``, the weights, and a checkpoint until they are there.
    task
        What to learn; what the config's network is for, if not given.
    counts
        Channels that stay, by group, where they were chosen for the board.

    Raises
    ------
    ConfigError
        If `out` holds a checkpoint of another recipe, the windows of the schedule do not fit into
        the pruning phase, the sparsity would empty a layer, or the training diverges.
    """
    task = task or make_task(config)
    fabric = make_fabric(config.training)
    trained: TrainedNetwork = fabric.launch(
        _train_level, config, dense, dense_folder, sparsity, out, task, counts
    )
    return trained


def _train_dense(fabric: Fabric, config: SweepConfig, out: Path, task: Task) -> TrainedNetwork:
    splits = load_data(config.data, config.seed)
    spec = NetworkSpec(
        name=config.model.name,
        input_shape=splits.shape,
        classes=splits.classes,
        width=config.model.width,
        precision=config.precision,
    )
    task.check(spec.name, splits)
    learner = _untrained(task, spec, config.seed)
    key = digest("dense", _common(config, splits), config.training.dense)
    phases = (dense_phase(config),)
    run = Run(fabric, config, task, splits, learner, phases, out / CHECKPOINT, key)
    run.finish()
    return _conclude(
        fabric,
        out,
        TrainedNetwork(
            spec=spec,
            phase="dense",
            sparsity=0.0,
            seed=config.seed,
            weights=_write(fabric, learner.network, out / WEIGHTS),
            validation=_told(task, splits.validation, "validation", run.reached["dense"]),
            companions=_write(fabric, learner.companions, out / COMPANIONS)
            if learner.companions.state_dict()
            else None,
        ),
    )


def _train_level(
    fabric: Fabric,
    config: SweepConfig,
    dense: TrainedNetwork,
    dense_folder: Path,
    sparsity: float,
    out: Path,
    task: Task,
    counts: Mapping[str, int] | None,
) -> TrainedNetwork:
    splits = load_data(config.data, config.seed)
    # The dense network is in float: its levels may have other bits than it was built with.
    dense = dense.model_copy(
        update={"spec": dense.spec.model_copy(update={"precision": config.precision})}
    )
    spec, learner = dense.spec, _trained(task, dense, dense_folder)
    phases: tuple[Phase, ...] = (qat_phase(config),)
    if sparsity > 0 and config.pruning.schedule == "scratch":
        spec = spec.model_copy(update={"width": spec.width * (1 - sparsity)})
        learner = _untrained(task, spec, config.seed)
        phases = (dense_phase(config), *phases)
    elif sparsity > 0:
        phases = (prune_phase(config, sparsity, counts), *phases)
    key = digest(
        "level",
        _common(config, splits),
        config.training.model_dump(mode="json", include=_PHASES),
        config.pruning.model_dump(mode="json", exclude={"levels"}),
        dense.weights.sha256,
        sparsity,
        *([dict(counts)] if counts else []),
    )
    run = Run(fabric, config, task, splits, learner, phases, out / CHECKPOINT, key)
    run.finish()
    network = learner.network
    # The only place that reads the test images.
    quantized = task.evaluate(fabric, network, splits.test)
    weights = _write(fabric, network, out / WEIGHTS)
    network.load_state_dict(run.in_float)
    in_float = task.evaluate(fabric, network, splits.test)
    before = task.evaluate(fabric, network, splits.validation)
    return _conclude(
        fabric,
        out,
        TrainedNetwork(
            spec=spec,
            phase="quantized",
            sparsity=sparsity,
            seed=config.seed,
            weights=weights,
            validation=_told(task, splits.validation, "validation", before, run.reached["qat"]),
            test=_told(task, splits.test, "test", in_float, quantized),
        ),
    )


_RECIPE = {"batch", "optimizer", "momentum", "weight_decay", "label_smoothing", "hardest"}
_PHASES = {"dense", "prune", "qat", "quantize_weights_after", "quantize_activations_after"}


def _common(config: SweepConfig, splits: Splits) -> dict[str, Any]:
    """Everything that training depends on besides its phases."""
    recipe = config.training
    return {
        "seed": config.seed,
        "images": digest(*(part.numpy().tobytes() for part in vars(splits.train).values())),
        "augmentation": repr(splits.augmentation),
        "model": config.model.model_dump(mode="json"),
        "precision": config.precision.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json", include=_RECIPE),
        "arithmetic": arithmetic(recipe),
        "torch": torch.__version__,
    }


def _untrained(task: Task, spec: NetworkSpec, seed: int) -> Learner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Learner(build(spec), task.companions(spec))


def _trained(task: Task, dense: TrainedNetwork, folder: Path) -> Learner:
    """Load the dense network, and what learnt beside it."""
    network = load_network(dense.spec, folder / dense.weights.path)
    with torch.random.fork_rng(devices=[]):
        companions = task.companions(dense.spec)
    if dense.companions is not None:
        path = folder / dense.companions.path
        try:
            companions.load_state_dict(load_weights(path))
        except RuntimeError as error:
            raise ModelError(
                f"does not hold what learns beside the network {dense.spec.name!r}",
                where=path,
                fix="delete its folder and run the stage again",
            ) from error
    return Learner(network, companions)


def _told(
    task: Task,
    split: Split,
    name: Literal["validation", "test"],
    in_float: Measures,
    quantized: Measures | None = None,
) -> Accuracy:
    """Record what was measured."""
    quantized = quantized or {}
    details = {
        other: {"float": value} | ({"quantized": quantized[other]} if quantized else {})
        for other, value in in_float.items()
        if other != task.metric
    }
    return Accuracy.model_validate(
        {
            "metric": task.metric,
            "float": in_float[task.metric],
            "quantized": quantized.get(task.metric),
            "split": name,
            "images": len(split),
            "details": details,
        }
    )


def _write(fabric: Fabric, module: nn.Module, path: Path) -> File:
    if fabric.is_global_zero:
        save_weights(module, path)
    fabric.barrier()
    return File.of(path.parent, path.name)


def _conclude(fabric: Fabric, out: Path, trained: TrainedNetwork) -> TrainedNetwork:
    """Save the record, after which the checkpoint is of no use any more."""
    if fabric.is_global_zero:
        trained.save(out)
        (out / CHECKPOINT).unlink(missing_ok=True)
    fabric.barrier()
    return trained
