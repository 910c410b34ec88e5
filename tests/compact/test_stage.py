"""The stage on disk: exact reload, honest counts, alignment's cost."""

import pytest
import torch
from support.training import exercise

from hwsubnet.artifacts import (
    ChosenWidths,
    CompactNetwork,
    File,
    GroupWidth,
    Kept,
    NetworkSpec,
    TrainedNetwork,
)
from hwsubnet.compact import compact, count, load_compact
from hwsubnet.errors import ConfigError, ModelError
from hwsubnet.models import build, load_network, save_weights
from hwsubnet.prune.elements import find_elements

DIGITS = (1, 8, 8)


def trained(folder, sparsity=0.4, multiple=1, masked=True, **spec):
    spec = NetworkSpec(**{"name": "lenet", "input_shape": DIGITS, "classes": 10, **spec})
    model = build(spec)
    exercise(model, spec.input_shape, sparsity=sparsity if masked else 0, multiple=multiple)
    save_weights(model, folder / "weights.safetensors")
    return TrainedNetwork(
        spec=spec,
        phase="quantized",
        sparsity=sparsity,
        seed=0,
        weights=File.of(folder, "weights.safetensors"),
    )


def test_a_compact_network_is_reloaded_bit_for_bit(tmp_path):
    artifact = trained(tmp_path)
    result = compact(artifact, tmp_path, tmp_path / "compact")
    assert CompactNetwork.load(tmp_path / "compact") == result
    once = load_compact(result, tmp_path / "compact")
    save_weights(once, tmp_path / "again.safetensors")
    again = load_network(artifact.spec, tmp_path / "again.safetensors")
    for (name, one), two in zip(
        once.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
    image = torch.rand(4, *DIGITS)
    assert torch.equal(once(image), again(image))
    assert (tmp_path / "again.safetensors").read_bytes() == (
        tmp_path / "compact" / result.weights.path
    ).read_bytes()


def test_what_is_left_is_counted(tmp_path):
    result = compact(trained(tmp_path, sparsity=0.5), tmp_path, tmp_path / "compact")
    assert result.channels == {
        "conv1": Kept(kept=8, of=16),
        "conv2": Kept(kept=16, of=32),
        "fc1": Kept(kept=64, of=128),
        "fc2": Kept(kept=32, of=64),
        "classifier": Kept(kept=10, of=10),
    }
    convolutions = 8 * 25 * 64 + 16 * 8 * 25 * 16
    linear = 4 * 16 * 64 + 64 * 32 + 32 * 10
    assert result.macs == convolutions + linear
    assert result.zero_weights == 0
    weights = 8 * 25 + 16 * 8 * 25 + linear
    assert result.weights_mbit == (weights + 2 * (8 + 16 + 64 + 32) + 10) * 4 / 1e6
    outputs = 8 * 64 + 16 * 16 + 64 + 32
    assert result.activations_mbit == outputs * 4 / 1e6
    assert result.activations_mbit_paper == 2 * (2 * outputs + 10) * 4 / 1e6


def test_single_weights_of_zero_are_counted_and_stay(tmp_path):
    artifact = trained(tmp_path, masked=False)
    model = load_network(artifact.spec, tmp_path / artifact.weights.path)
    for part in find_elements(model):
        part.set_mask(torch.arange(part.channels) % 4 == 0)
    save_weights(model, tmp_path / "weights.safetensors")
    artifact = artifact.model_copy(update={"weights": File.of(tmp_path, "weights.safetensors")})
    result = compact(artifact, tmp_path, tmp_path / "compact")
    weights = 16 * 25 + 32 * 16 * 25 + 4 * 32 * 128 + 128 * 64 + 64 * 10
    assert result.zero_weights == 3 * weights // 4
    assert result.weights_mbit == (weights + 2 * (16 + 32 + 128 + 64) + 10) * 4 / 1e6
    assert all(layer.kept == layer.of for layer in result.channels.values())


def test_the_papers_table_is_met_where_it_counts_as_we_do():
    """25 % of ResNet-32 at W8A8: 2.80 + 7.57 Mb, by the paper's formula."""
    counts = count(
        build(NetworkSpec(name="resnet32", input_shape=(3, 32, 32), classes=10)), (3, 32, 32)
    )
    assert counts.parameters * 8 * 0.75 / 1e6 == pytest.approx(2.80, abs=0.005)
    assert counts.activations_paper * 8 * 0.75 / 1e6 == pytest.approx(7.57, abs=0.005)


def test_counting_leaves_a_network_as_it_was():
    model = build(NetworkSpec(name="lenet", input_shape=DIGITS, classes=10)).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert count(model, DIGITS) == count(model, DIGITS)
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_alignment_is_chosen_by_the_masks_and_its_cost_reported(tmp_path):
    artifact = trained(tmp_path, sparsity=0.4, multiple=8)
    result = compact(artifact, tmp_path, tmp_path / "compact", multiple=8)
    kept = [layer.kept for layer in result.channels.values()]
    assert kept == [16, 24, 80, 40, 10]
    # Exactly 0.4: 10 of 16, 19 of 32, 77 of 128, 38 of 64 would stay.
    assert result.alignment.multiple == 8
    assert result.alignment.extra_channels == (16 - 16) + 5 + 3 + 2


def test_unaligned_masks_are_refused(tmp_path):
    artifact = trained(tmp_path, sparsity=0.4)
    with pytest.raises(ConfigError) as caught:
        compact(artifact, tmp_path, tmp_path / "compact", multiple=4)
    assert str(caught.value) == (
        "body.conv1.conv: keeps 10 of 16 channels, not a multiple of 4; "
        "prune it with pruning.align set to 4"
    )
    assert not (tmp_path / "compact").exists()


def test_a_network_without_masks_is_compact_already(tmp_path):
    """As the from-scratch baseline is, whose width was chosen before training."""
    result = compact(
        trained(tmp_path, 0.5, masked=False), tmp_path, tmp_path / "compact", multiple=4
    )
    assert all(layer.kept == layer.of for layer in result.channels.values())
    assert result.alignment.extra_channels == 0


def test_another_networks_weights_are_refused(tmp_path):
    artifact = trained(tmp_path)
    other = artifact.model_copy(update={"spec": artifact.spec.model_copy(update={"name": "mlp"})})
    with pytest.raises(ModelError, match="does not hold the network 'mlp'"):
        compact(other, tmp_path, tmp_path / "compact")


def chosen(**kept):
    """Widths for LeNet's first layers, by the name of the layer."""
    groups = tuple(
        GroupWidth(group=f"body.{layer}.conv", layer=layer, of=16, plain=10, kept=count)
        for layer, count in kept.items()
    )
    return ChosenWidths(groups=groups, plain=None, chosen=None, tried=1)


def test_chosen_widths_are_held_and_their_cost_reported(tmp_path):
    artifact = trained(tmp_path, sparsity=0.4, multiple=4)
    result = compact(artifact, tmp_path, tmp_path / "compact", widths=chosen(conv1=12, conv2=20))
    assert result.channels["conv1"] == Kept(kept=12, of=16)
    assert result.alignment.multiple is None
    assert result.alignment.extra_channels == (12 - 10) + (20 - 19) + (80 - 77) + (40 - 38)
    with pytest.raises(ConfigError, match=r"body\.conv2\.conv: keeps 20 channels, and 24 were"):
        compact(artifact, tmp_path, tmp_path / "compact", widths=chosen(conv1=12, conv2=24))
