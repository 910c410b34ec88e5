"""What a trained level holds and says about itself, and that nothing peeks at the test images."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import files, share_right, tiny
from torch import nn

from hwsubnet.artifacts import Kept, TrainedNetwork
from hwsubnet.data import load_data, to_real
from hwsubnet.errors import ConfigError
from hwsubnet.models import load_network
from hwsubnet.prune import channels_to_keep, find_groups
from hwsubnet.prune.elements import find_elements
from hwsubnet.quant import unquantized
from hwsubnet.train import make_task, stages, train_dense, train_level
from hwsubnet.train.fabric import make_fabric
from hwsubnet.train.learner import Learner
from hwsubnet.train.phases import prune_phase
from hwsubnet.train.run import CHECKPOINT, Run
from hwsubnet.train.tasks import Classification


@pytest.fixture(scope="module")
def half(config, dense, tmp_path_factory):
    folder = tmp_path_factory.mktemp("half")
    return train_level(config, *dense, 0.5, folder), folder


def load(trained, folder):
    return load_network(trained.spec, folder / trained.weights.path)


def test_dense_says_what_it_is(config, dense):
    trained, folder = dense
    assert TrainedNetwork.load(folder) == trained
    assert sorted(files(folder)) == ["trained.json", "weights.safetensors"]
    assert (trained.phase, trained.sparsity, trained.seed) == ("dense", 0.0, 0)
    assert trained.test is None, "the level of sparsity 0 reads the test images"
    validation = load_data(config.data, config.seed).validation
    assert trained.validation.images == len(validation) == 40
    network = load(trained, folder)
    assert trained.validation.float_ == share_right(network, validation)
    assert trained.validation.float_ > 0.5, "it has learnt something"
    assert unquantized(network)


def test_a_reloaded_level_evaluates_quantized_as_reported(config, half):
    trained, folder = half
    network = load(trained, folder)
    assert unquantized(network) == []
    splits = load_data(config.data, config.seed)
    assert trained.test.quantized == share_right(network, splits.test)
    assert trained.validation.quantized == share_right(network, splits.validation)
    assert trained.test.images == 60
    assert trained.test.float_ is not None


def test_exactly_the_right_channels_are_masked(half):
    for group in find_groups(load(*half)):
        kept = Kept(kept=int(group.mask.sum()), of=group.channels)
        expected = channels_to_keep(group.channels, 0.5) if group.prunable else group.channels
        assert kept.kept == expected, group.name


def test_level_zero_is_quantized_and_not_pruned(config, dense, tmp_path):
    trained = train_level(config, *dense, 0.0, tmp_path)
    network = load(trained, tmp_path)
    assert unquantized(network) == []
    assert all(bool(group.mask.all()) for group in find_groups(network))
    splits = load_data(config.data, config.seed)
    in_float = load(*dense)
    assert trained.validation.float_ == dense[0].validation.float_
    assert trained.test.float_ == share_right(in_float, splits.test)


def test_float_accuracy_is_of_the_masked_network_before_quantization(
    config, dense, half, monkeypatch, tmp_path
):
    seen = []

    def spy(task, fabric, network, split):
        in_float = len(unquantized(network)) > 0
        masked = sum(int((~g.mask).sum()) for g in find_groups(network))
        seen.append((len(split), in_float, masked > 0))
        return {"accuracy": 0.5}

    monkeypatch.setattr(Classification, "evaluate", spy)
    train_level(config, *dense, 0.5, tmp_path)
    assert seen[-3:] == [(60, False, True), (60, True, True), (40, True, True)]


def test_training_and_selection_never_see_the_test_images(
    config, dense, half, monkeypatch, tmp_path
):
    def scrambled(*args):
        splits = load_data(*args)
        noise = torch.randint_like(splits.test.images, 256)
        test = dataclasses.replace(splits.test, images=noise, labels=splits.test.labels.flip(0))
        return dataclasses.replace(splits, test=test)

    monkeypatch.setattr(stages, "load_data", scrambled)
    assert train_dense(config, tmp_path / "dense") == dense[0]
    trained = train_level(config, *dense, 0.5, tmp_path / "half")
    assert trained.weights == half[0].weights
    assert trained.validation == half[0].validation
    assert trained.test != half[0].test


def test_seeds_differ(dense, tmp_path):
    other = tiny().model_copy(update={"seed": 1})
    assert train_dense(other, tmp_path).weights != dense[0].weights


def lag(network, images) -> float:
    """Largest error of a norm's running mean, in standard deviations of what it sees."""
    errors = []

    def compare(norm, inputs, output):
        seen = inputs[0].transpose(0, 1).flatten(1)
        errors.append(((seen.mean(1) - norm.running_mean).abs() / seen.std(1)).max().item())

    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    hooks = [norm.register_forward_hook(compare) for norm in norms]
    with torch.no_grad():
        network.eval()(to_real(images))
    for hook in hooks:
        hook.remove()
    return max(errors)


def test_norms_know_the_masked_network(dense, monkeypatch, tmp_path):
    # The last mask comes one step before the phase ends: running averages have no time to follow.
    config = tiny(pruning={"start": 0.7}, data={"augment": False})
    splits = load_data(config.data, config.seed)

    def prune():
        network = load(*dense)
        phases, task = (prune_phase(config, 0.5),), make_task(config)
        learner, fabric = Learner(network, nn.ModuleDict()), make_fabric(config.training)
        Run(fabric, config, task, splits, learner, phases, checkpoint, "").finish()
        checkpoint.unlink()
        return lag(network, splits.train.images)

    checkpoint = tmp_path / CHECKPOINT
    renewed = prune()
    monkeypatch.setattr(Run, "_renew_norms", lambda self, phase: None)
    assert renewed < 0.05
    assert prune() > 1


def test_from_scratch_trains_a_narrower_network(dense, tmp_path):
    config = tiny(pruning={"schedule": "scratch"})
    trained = train_level(config, *dense, 0.5, tmp_path)
    assert trained.spec.width == 0.25
    assert trained.sparsity == 0.5
    assert len(load_file(tmp_path / "weights.safetensors")["body.conv1.norm.weight"]) == 4
    assert trained.validation.float_ > 0.3


def test_unstructured_zeros_outlive_quantization_aware_training(dense, tmp_path):
    config = tiny(pruning={"schedule": "unstructured"})
    trained = train_level(config, *dense, 0.5, tmp_path)
    network = load(trained, tmp_path)
    assert unquantized(network) == []
    for part in find_elements(network):
        weight = part.layer.weight
        assert int((weight != 0).sum()) == channels_to_keep(weight.numel(), 0.5), part.name
    assert all(bool(group.mask.all()) for group in find_groups(network))
    assert trained.validation.quantized > 0.5


def test_windows_that_do_not_fit_are_refused_before_training(dense, tmp_path):
    config = tiny(pruning={"interval": 0.6})
    with pytest.raises(ConfigError, match=r"training\.prune\.epochs.*set it to 3 or more"):
        train_level(config, *dense, 0.5, tmp_path)
    assert not list(tmp_path.iterdir())


def test_divergence_is_told(tmp_path):
    config = tiny(training={"dense": {"epochs": 1, "learning_rate": 1e30}})
    with pytest.raises(ConfigError, match=r"training\.dense\.learning_rate: .*has diverged"):
        train_dense(config, tmp_path)
    assert not (tmp_path / "trained.json").exists()
