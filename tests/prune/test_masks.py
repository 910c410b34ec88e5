"""Masks zero channels and measure what reaches them; counts are exact."""

from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import assume, given, strategies as st

from hwsubnet.errors import ConfigError
from hwsubnet.prune import ChannelMask, channels_to_keep, select

sparsities = st.integers(0, 99).map(lambda percent: percent / 100)


@given(st.integers(1, 512), sparsities, st.integers(1, 16))
def test_counts_are_the_nearest_and_aligned(size, sparsity, multiple):
    exact = Decimal(str(sparsity)) * size
    assume(exact < size - Decimal("0.5"))
    kept = channels_to_keep(size, sparsity)
    assert abs(size - kept - exact) <= Decimal("0.5")
    aligned = channels_to_keep(size, sparsity, multiple)
    assert kept <= aligned <= min(size, kept + multiple - 1)
    assert aligned == size or aligned % multiple == 0


@pytest.mark.parametrize(
    ("size", "sparsity", "kept"),
    [(64, 0.75, 16), (20, 0.35, 13), (10, 0.25, 7), (1, 0.4, 1), (100, 0.29, 71), (16, 0.96, 1)],
)
def test_counts(size, sparsity, kept):
    assert channels_to_keep(size, sparsity) == kept


def test_a_level_that_empties_a_layer_is_refused():
    with pytest.raises(ConfigError) as caught:
        channels_to_keep(16, 0.97, where="conv1")
    assert str(caught.value) == (
        "conv1: level 0.97 would remove all 16 channels; "
        "choose a level below 0.9688 or a wider network"
    )
    for level in (1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match=r"a level must lie in \[0, 1\)"):
            channels_to_keep(16, level)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), sparsities)
def test_the_most_important_stay_and_ties_break_by_index(scores, sparsity):
    assume(Decimal(str(sparsity)) * len(scores) < len(scores) - Decimal("0.5"))
    keep = select(torch.tensor(scores, dtype=torch.float32), sparsity)
    ranked = sorted(range(len(scores)), key=lambda c: (-scores[c], c))
    wanted = set(ranked[: channels_to_keep(len(scores), sparsity)])
    assert set(torch.nonzero(keep).flatten().tolist()) == wanted


@pytest.mark.parametrize("size", [1, 2, 7, 20, 64])
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.25, 0.35, 0.45])
def test_all_tied_channels_are_as_many_as_always(size, sparsity):
    kept = channels_to_keep(size, sparsity)
    for value in (0.0, 1.0, float("inf")):
        keep = select(torch.full((size,), value), sparsity)
        assert keep.tolist() == [True] * kept + [False] * (size - kept)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=24), sparsities, st.integers(1, 4))
def test_no_layer_of_a_group_loses_all_its_channels(scores, sparsity, parts):
    assume(channels_to_keep(len(scores), min(sparsity, 0.5)) >= parts)
    sparsity = min(sparsity, 0.5)
    importance = torch.tensor(scores, dtype=torch.float32)
    layers = torch.arange(len(scores)).chunk(parts)
    keep = select(importance, sparsity, layers=layers)
    assert keep.sum() == channels_to_keep(len(scores), sparsity)
    assert all(bool(keep[layer].any()) for layer in layers)
    free = select(importance, sparsity)
    if all(bool(free[layer].any()) for layer in layers):
        assert torch.equal(keep, free)
    else:  # what stays for its layer's sake is the layer's best
        for channel in torch.nonzero(keep & ~free).flatten().tolist():
            (layer,) = (layer for layer in layers if channel in layer.tolist())
            assert scores[channel] == max(scores[c] for c in layer.tolist())


def test_masked_channels_are_zero_and_get_no_gradient():
    mask = ChannelMask(3)
    mask.set(torch.tensor([True, False, True]))
    for shape in ((2, 3), (2, 3, 4, 4)):
        x = torch.randn(shape, requires_grad=True)
        y = mask(x)
        assert torch.equal(y[:, 1], torch.zeros_like(y[:, 1]))
        assert torch.equal(y[:, ::2], x[:, ::2])
        y.sum().backward()
        assert not x.grad[:, 1].any()


def test_a_mask_that_keeps_all_is_free():
    x = torch.randn(2, 3)
    assert ChannelMask(3)(x) is x


def test_importance_is_a_cumulative_mean_before_the_mask_itself():
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(n, 3, 2, 2)).clip(min=0).astype(np.float32) for n in (4, 4, 2)]
    mask = ChannelMask(3)
    mask.set(torch.tensor([True, False, True]))
    mask.observe(True)
    l1 = l0 = np.zeros(3)
    for t, batch in enumerate(batches):
        mask(torch.from_numpy(batch))
        l1 = (t * l1 + np.abs(batch).mean((0, 2, 3))) / (t + 1)
        l0 = (t * l0 + (batch != 0).mean((0, 2, 3))) / (t + 1)
    np.testing.assert_allclose(mask.l1.numpy(), l1, rtol=1e-5)
    np.testing.assert_allclose(mask.l0.numpy(), l0, rtol=1e-5)
    assert mask.batches == 3
    assert mask.batches.dtype == torch.int64


def test_only_training_passes_are_measured_and_only_while_observed():
    mask = ChannelMask(2)
    x = torch.ones(1, 2)
    mask(x)
    assert mask.batches == 0
    mask.observe(True)
    with torch.no_grad():
        mask(x)
    mask.eval()(x)
    assert mask.batches == 0
    mask.train()(x)
    mask.observe(True)  # already on: goes on
    mask(x)
    assert mask.batches == 2
    mask.observe(False)
    mask(x)
    assert mask.batches == 2
    mask.observe(True)  # starts afresh
    assert mask.batches == 0
    assert not mask.l1.any()


def test_state_survives_a_reload():
    mask, again = ChannelMask(2), ChannelMask(2)
    again(torch.ones(1, 2))  # remembers that it keeps all
    mask.set(torch.tensor([False, True]))
    mask.observe(True)
    mask(torch.ones(1, 2))
    again.load_state_dict(mask.state_dict())
    assert again.observing
    assert again(torch.ones(1, 2)).tolist() == [[0, 1]]
    assert again.batches == 2
