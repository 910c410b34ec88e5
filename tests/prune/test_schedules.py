"""Schedules: which steps measure, which mask, exact counts, and resuming anywhere."""

import json
from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import assume, given, strategies as st

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.config import SweepConfig
from hwsubnet.errors import ConfigError
from hwsubnet.models import build
from hwsubnet.prune.masks import channels_to_keep
from hwsubnet.prune.schedules import (
    SCHEDULES,
    Layerwise,
    OneShot,
    Scratch,
    Stepwise,
    Timing,
    Unstructured,
    find_parts,
    make_schedule,
    measure_of,
)


@dataclass
class Group:
    """A group whose activations are made up, and which notes what is done to it.

    Like the real one it starts measuring afresh only if it was not measuring.
    """

    name: str
    channels: int
    prunable: bool = True
    observing: bool = False
    seen: list[torch.Tensor] = field(default_factory=list)
    mask: torch.Tensor | None = None
    layers: tuple[torch.Tensor, ...] = ()

    def observe(self, on):
        if on and not self.observing:
            self.seen = []
        self.observing = on

    def importance(self, measure):
        return torch.stack(self.seen).mean(0)

    def set_mask(self, keep):
        self.mask = keep

    def forward(self, step):
        if self.observing:
            generator = torch.Generator().manual_seed(1000 * self.channels + step)
            self.seen.append(torch.rand(self.channels, generator=generator))

    def state(self):
        mask = None if self.mask is None else self.mask.tolist()
        return self.observing, [x.tolist() for x in self.seen], mask


def make_groups(*channels: int) -> list[Group]:
    return [Group(f"layer{k}", c) for k, c in enumerate(channels)]


def run(schedule, groups, steps):
    """Train for some steps; note what each step measured and when masks changed."""
    measured, masked = [], []
    for step in steps:
        for group in groups:
            group.forward(step)
        measured.append([g.name for g in groups if g.observing])
        before = [g.mask for g in groups]
        schedule.step()
        masked.append([g.name for g, b in zip(groups, before, strict=True) if g.mask is not b])
    return measured, masked


TIMINGS = st.builds(Timing, st.integers(0, 8), st.integers(1, 9), st.integers(1, 12))
CHANNELS = st.lists(st.integers(1, 17), min_size=1, max_size=5)
SPARSITIES = st.sampled_from([0.1, 0.25, 0.35, 0.5, 0.75, 0.9])


def fits(channels, sparsity):
    return all(int(sparsity * c + 0.5) < c for c in channels)


@given(channels=CHANNELS, sparsity=SPARSITIES, timing=TIMINGS)
def test_layerwise_windows_follow_algorithm_1(channels, sparsity, timing):
    assume(fits(channels, sparsity))
    groups = make_groups(*channels)
    schedule = Layerwise(groups, sparsity, timing)
    assert schedule.end == timing.start + len(groups) * (timing.interval + 1)
    measured, masked = run(schedule, groups, range(schedule.end + 5))
    for step, (names, changed) in enumerate(zip(measured, masked, strict=True)):
        k, offset = divmod(step - timing.start, timing.interval + 1)
        active = step >= timing.start and k < len(groups)
        assert names == ([f"layer{k}"] if active else [])
        refreshed = active and (
            offset == timing.interval or (offset > 0 and offset % timing.refresh == 0)
        )
        assert changed == ([f"layer{k}"] if refreshed else [])


@given(
    channels=CHANNELS, sparsity=SPARSITIES, timing=TIMINGS, name=st.sampled_from(sorted(SCHEDULES))
)
def test_in_the_end_exactly_the_right_number_stay(channels, sparsity, timing, name):
    assume(fits(channels, sparsity))
    groups = make_groups(*channels)
    schedule = SCHEDULES[name](groups, sparsity, timing)
    run(schedule, groups, range(schedule.end))
    assert schedule.done
    for group in groups:
        if name == "scratch":
            assert group.mask is None
        else:
            assert group.mask.sum() == channels_to_keep(group.channels, sparsity)
        assert not group.observing


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    timing=TIMINGS,
    stops=st.lists(st.integers(0, 60), max_size=3),
)
def test_resumed_anywhere_it_ends_the_same(name, timing, stops):
    channels, sparsity = (5, 8, 3), 0.5
    whole = make_groups(*channels)
    schedule = SCHEDULES[name](whole, sparsity, timing)
    run(schedule, whole, range(schedule.end + 2))

    groups = make_groups(*channels)
    schedule = SCHEDULES[name](groups, sparsity, timing)
    done = 0
    for stop in [*sorted(min(s, schedule.end + 2) for s in stops), schedule.end + 2]:
        run(schedule, groups, range(done, stop))
        done = stop
        # What a process that starts anew has: the JSON, and the groups' buffers.
        state = json.loads(json.dumps(schedule.state_dict()))
        buffers = [(g.observing, list(g.seen), g.mask) for g in groups]
        groups = make_groups(*channels)
        schedule = SCHEDULES[name](groups, sparsity, timing)
        for group, (observing, seen, mask) in zip(groups, buffers, strict=True):
            group.observing, group.seen, group.mask = observing, seen, mask
        schedule.load_state_dict(state)
    assert [g.state() for g in groups] == [g.state() for g in whole]


def test_one_shot_masks_once_when_layerwise_would_have_ended():
    timing = Timing(start=4, interval=3, refresh=1)
    groups = make_groups(4, 6, 8)
    schedule = OneShot(groups, 0.5, timing)
    assert schedule.end == Layerwise(make_groups(4, 6, 8), 0.5, timing).end == 16
    measured, masked = run(schedule, groups, range(18))
    everyone = ["layer0", "layer1", "layer2"]
    assert [step for step, names in enumerate(measured) if names] == [12, 13, 14, 15]
    assert [step for step, names in enumerate(masked) if names] == [15]
    assert measured[12] == masked[15] == everyone


def test_stepwise_sparsity_rises_as_a_cube():
    groups = make_groups(1000)
    schedule = Stepwise(groups, 0.75, Timing(start=6, interval=4, refresh=1))
    kept = {}
    for step in range(schedule.end):
        before = groups[0].mask
        run(schedule, groups, [step])
        if groups[0].mask is not before:
            kept[step] = int(groups[0].mask.sum())
    # 1000 (1 - 0.75 (1 - (1 - i/5)^3)) for i = 1 … 5
    assert kept == {6: 634, 10: 412, 14: 298, 18: 256, 22: 250}


def test_stepwise_measures_between_its_steps():
    groups = make_groups(4)
    schedule = Stepwise(groups, 0.5, Timing(start=6, interval=4, refresh=1))
    measured, _ = run(schedule, groups, range(schedule.end))
    assert [bool(names) for names in measured] == [False] * 3 + [True] * 20
    assert len(groups[0].seen) == 4, "the last mask is computed from the last interval alone"


def test_a_channel_may_come_back_until_its_window_ends():
    class Fading(Group):
        def forward(self, step):
            if self.observing:
                self.seen.append(torch.tensor([1.0, 0.0] if step < 3 else [0.0, 9.0]))

    groups = [Fading("layer0", 2)]
    schedule = Layerwise(groups, 0.5, Timing(start=0, interval=6, refresh=2))
    run(schedule, groups, range(3))
    assert groups[0].mask.tolist() == [True, False]
    run(schedule, groups, range(3, schedule.end))
    assert groups[0].mask.tolist() == [False, True]


def test_groups_that_must_stay_are_passed_over():
    groups = make_groups(4, 6, 8)
    groups[1].prunable = False
    schedule = Layerwise(groups, 0.5, Timing(0, 1, 1))
    assert schedule.end == 4
    run(schedule, groups, range(4))
    assert groups[1].mask is None
    assert groups[2].mask.sum() == 4


def test_counts_can_be_rounded_to_a_multiple():
    groups = make_groups(16, 12)
    schedule = OneShot(groups, 0.5, Timing(0, 1, 1), multiple=8)
    run(schedule, groups, range(schedule.end))
    assert [int(g.mask.sum()) for g in groups] == [8, 8]


@pytest.mark.parametrize("kind", [Layerwise, OneShot, Stepwise])
def test_chosen_counts_are_kept_exactly_and_the_most_important_stay(kind):
    groups = make_groups(16, 12, 10)
    counts = {"layer0": 11, "layer1": 6}
    schedule = kind(groups, 0.5, Timing(0, 2, 1), counts=counts)
    run(schedule, groups, range(schedule.end))
    assert [int(g.mask.sum()) for g in groups] == [11, 6, 5]
    importance = groups[0].importance("activation-l1")
    assert importance[groups[0].mask].min() >= importance[~groups[0].mask].max()


def test_more_channels_than_there_are_cannot_be_kept():
    with pytest.raises(ConfigError, match="layer0: cannot keep 17 of 16 channels"):
        OneShot(make_groups(16), 0.5, Timing(0, 1, 1), counts={"layer0": 17})


def test_a_level_that_would_empty_a_layer_is_refused_before_training():
    with pytest.raises(ConfigError, match=r"layer1: level 0\.75 would remove all 2 channels"):
        Layerwise(make_groups(8, 2), 0.75, Timing(0, 1, 1))


def config(**pruning) -> SweepConfig:
    return SweepConfig.model_validate(
        {"pruning": pruning, "training": {"prune": {"epochs": 2}, "qat": {"epochs": 3}}}
    )


def test_epochs_become_whole_steps_once():
    # The published CIFAR-100 schedule, at 391 steps an epoch.
    schedule = make_schedule(config(), make_groups(4, 4), 0.5, 391)
    first, second = schedule.windows
    assert (first.first, first.last, first.refresh) == (196, 196 + 49, 10)
    assert second.first == 196 + 50


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("layerwise", Layerwise),
        ("one-shot", OneShot),
        ("stepwise", Stepwise),
        ("unstructured", Unstructured),
        ("scratch", Scratch),
    ],
)
def test_the_config_names_the_schedule(name, kind):
    assert type(make_schedule(config(schedule=name), make_groups(4), 0.5, 100)) is kind


def test_windows_that_do_not_fit_say_how_many_epochs_are_needed():
    groups = make_groups(*[8] * 20)
    with pytest.raises(ConfigError, match=r"training\.prune\.epochs: .*set it to 4 or more"):
        make_schedule(config(), groups, 0.5, 100)
    # 50 + 20 (12 + 1) = 310 steps: the message is right.
    longer = SweepConfig.model_validate({"training": {"prune": {"epochs": 4}}})
    assert make_schedule(longer, groups, 0.5, 100).end == 310


def test_a_network_with_nothing_to_prune_is_refused():
    with pytest.raises(ConfigError, match="no channels that could be pruned"):
        make_schedule(config(), [Group("classifier", 10, prunable=False)], 0.5, 100)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_one_measure_for_all_schedules_unless_the_papers_pairing_is_asked_for(name):
    assert measure_of(config(schedule=name).pruning) == "activation-l1"
    paired = measure_of(config(schedule=name, importance="published").pruning)
    assert paired == ("weight-l1" if name == "stepwise" else "activation-l1")
    schedule = make_schedule(
        config(schedule=name, importance="published"), make_groups(4), 0.5, 100
    )
    assert schedule.measure == paired


def test_unstructured_prunes_the_weights_of_every_layer_whatever_the_alignment():
    network = build(NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10, width=0.25))
    recipe = config(schedule="unstructured", align=8)
    parts = find_parts(recipe.pruning, network)
    assert [part.name for part in parts][-1] == "classifier"
    schedule = make_schedule(recipe, parts, 0.5, 100)
    while not schedule.done:
        schedule.step()
    first = network.get_submodule("body.conv1.conv").weight  # 4 x 25
    assert int((first == 0).sum()) == 50


@pytest.mark.parametrize("name", ["layerwise", "one-shot", "stepwise"])
@pytest.mark.parametrize("sparsity", [0.25, 0.5, 0.75])
def test_equally_important_channels_are_pruned_by_their_index(name, sparsity):
    class Tied(Group):
        def importance(self, measure):
            return torch.full((self.channels,), 0.5)

    groups = [Tied("layer0", 8), Tied("layer1", 20)]
    schedule = SCHEDULES[name](groups, sparsity, Timing(0, 2, 1))
    run(schedule, groups, range(schedule.end))
    for group in groups:
        kept = channels_to_keep(group.channels, sparsity)
        assert group.mask.tolist() == [True] * kept + [False] * (group.channels - kept)


@pytest.mark.parametrize("name", ["layerwise", "one-shot", "stepwise", "unstructured"])
def test_sparsity_zero_keeps_all(name):
    groups = make_groups(1, 5, 8)
    schedule = SCHEDULES[name](groups, 0.0, Timing(0, 2, 1))
    run(schedule, groups, range(schedule.end))
    assert all(bool(group.mask.all()) for group in groups)


def test_a_level_that_leaves_a_tied_layer_nothing_is_refused_before_training():
    group = Group("wide", 8, layers=tuple(torch.tensor([c]) for c in range(5)))
    with pytest.raises(ConfigError) as caught:
        Layerwise([group], 0.5, Timing(0, 1, 1))
    assert str(caught.value) == (
        "wide: level 0.5 keeps 4 channels, fewer than its 5 layers that need one each; "
        "choose a lower level or wider layers"
    )
