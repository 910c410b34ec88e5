"""The two stages: the dense network, and each level that starts from it."""

from pathlib import Path
from typing import Any, Literal

import torch
from lightning.fabric import Fabric
from torch import nn

from hwsubnet.artifacts import Accuracy, File, NetworkSpec, TrainedNetwork, digest
from hwsubnet.config import SweepConfig
from hwsubnet.data import Split, Splits, load_data
from hwsubnet.models import build, load_network, save_weights
from hwsubnet.train.evaluate import accuracy
from hwsubnet.train.fabric import arithmetic, make_fabric
from hwsubnet.train.phases import Phase, dense_phase, prune_phase, qat_phase
from hwsubnet.train.run import CHECKPOINT, Run

WEIGHTS = "weights.safetensors"


def train_dense(config: SweepConfig, out: Path) -> TrainedNetwork:
    """Train the dense network in floating point, or go on where an earlier run was stopped.

    Parameters
    ----------
    config
        The recipe.
    out
        Folder for ``trained.json``, the weights, and a checkpoint until they are there.

    Returns
    -------
    The network with its validation accuracy. Its test accuracy is that of the level of sparsity 0.

    Raises
    ------
    ConfigError
        If `out` holds a checkpoint of another recipe, or the training diverges.
    """
    fabric = make_fabric(config.training)
    trained: TrainedNetwork = fabric.launch(_train_dense, config, out)
    return trained


def train_level(
    config: SweepConfig, dense: TrainedNetwork, dense_folder: Path, sparsity: float, out: Path
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

    Raises
    ------
    ConfigError
        If `out` holds a checkpoint of another recipe, the windows of the schedule do not fit into
        the pruning phase, the sparsity would empty a layer, or the training diverges.
    """
    fabric = make_fabric(config.training)
    trained: TrainedNetwork = fabric.launch(
        _train_level, config, dense, dense_folder, sparsity, out
    )
    return trained


def _train_dense(fabric: Fabric, config: SweepConfig, out: Path) -> TrainedNetwork:
    splits = load_data(config.data, config.seed)
    spec = NetworkSpec(
        name=config.model.name,
        input_shape=splits.shape,
        classes=splits.classes,
        width=config.model.width,
        precision=config.precision,
    )
    network = _untrained(spec, config.seed)
    key = digest("dense", _common(config, splits), config.training.dense)
    run = Run(fabric, config, splits, network, (dense_phase(config),), out / CHECKPOINT, key)
    run.finish()
    weights = _write(fabric, network, out)
    return _conclude(
        fabric,
        out,
        TrainedNetwork(
            spec=spec,
            phase="dense",
            sparsity=0.0,
            seed=config.seed,
            weights=weights,
            validation=_share("validation", splits.validation, float_=run.reached["dense"]),
        ),
    )


def _train_level(
    fabric: Fabric,
    config: SweepConfig,
    dense: TrainedNetwork,
    dense_folder: Path,
    sparsity: float,
    out: Path,
) -> TrainedNetwork:
    splits = load_data(config.data, config.seed)
    spec, network = dense.spec, load_network(dense.spec, dense_folder / dense.weights.path)
    phases: tuple[Phase, ...] = (qat_phase(config),)
    if sparsity > 0 and config.pruning.schedule == "scratch":
        spec = spec.model_copy(update={"width": spec.width * (1 - sparsity)})
        network = _untrained(spec, config.seed)
        phases = (dense_phase(config), *phases)
    elif sparsity > 0:
        phases = (prune_phase(config, sparsity), *phases)
    key = digest(
        "level",
        _common(config, splits),
        config.training.model_dump(mode="json", include=_PHASES),
        config.pruning.model_dump(mode="json", exclude={"levels"}),
        dense.weights.sha256,
        sparsity,
    )
    run = Run(fabric, config, splits, network, phases, out / CHECKPOINT, key)
    run.finish()
    # The only place that reads the test images.
    quantized = accuracy(fabric, network, splits.test)
    weights = _write(fabric, network, out)
    network.load_state_dict(run.in_float)
    in_float = accuracy(fabric, network, splits.test)
    return _conclude(
        fabric,
        out,
        TrainedNetwork(
            spec=spec,
            phase="quantized",
            sparsity=sparsity,
            seed=config.seed,
            weights=weights,
            validation=_share(
                "validation",
                splits.validation,
                float_=accuracy(fabric, network, splits.validation),
                quantized=run.reached["qat"],
            ),
            test=_share("test", splits.test, float_=in_float, quantized=quantized),
        ),
    )


_PHASES = {"dense", "prune", "qat", "quantize_weights_after", "quantize_activations_after"}


def _common(config: SweepConfig, splits: Splits) -> dict[str, Any]:
    """Everything that training depends on besides its phases."""
    recipe = config.training
    return {
        "seed": config.seed,
        "images": digest(splits.train.images.numpy().tobytes()),
        "augmentation": repr(splits.augmentation),
        "model": config.model.model_dump(mode="json"),
        "precision": config.precision.model_dump(mode="json"),
        "optimizer": [recipe.momentum, recipe.weight_decay, recipe.label_smoothing, recipe.batch],
        "arithmetic": arithmetic(recipe),
        "torch": torch.__version__,
    }


def _untrained(spec: NetworkSpec, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(spec)


def _share(name: Literal["validation", "test"], split: Split, **shares: float) -> Accuracy:
    return Accuracy(split=name, images=len(split), **shares)


def _write(fabric: Fabric, network: nn.Module, out: Path) -> File:
    if fabric.is_global_zero:
        save_weights(network, out / WEIGHTS)
    fabric.barrier()
    return File.of(out, WEIGHTS)


def _conclude(fabric: Fabric, out: Path, trained: TrainedNetwork) -> TrainedNetwork:
    """Save the record, after which the checkpoint is of no use any more."""
    if fabric.is_global_zero:
        trained.save(out)
        (out / CHECKPOINT).unlink(missing_ok=True)
    fabric.barrier()
    return trained
