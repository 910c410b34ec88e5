"""Widths chosen for a board: never fewer channels than the level leaves, never a worse folding."""

import logging
import shutil
from types import SimpleNamespace

import pytest

from hwsubnet import flow
from hwsubnet.artifacts import NetworkSpec, Reckoned, Report, Resources
from hwsubnet.boards import Board, load_board
from hwsubnet.config import SweepConfig
from hwsubnet.flow import widths
from hwsubnet.flow.widths import Folded, Goal, choose_widths

MLP = NetworkSpec(name="mlp", input_shape=(1, 8, 8), classes=10, width=0.5)
"""Three hidden layers of 32, of which level 0.4 leaves 19 each: a prime."""
BOARD = load_board("Pynq-Z2")


@pytest.fixture(scope="module")
def fastest():
    return choose_widths(MLP, 0.4, 0, BOARD, clock_mhz=100)


def test_awkward_widths_are_left_for_a_higher_speed(fastest):
    assert [(g.layer, g.of, g.plain) for g in fastest.groups] == [
        ("fc1", 32, 19), ("fc2", 32, 19), ("fc3", 32, 19)
    ]  # fmt: skip
    assert all(g.plain <= g.kept <= g.plain + g.of // 8 for g in fastest.groups)
    assert fastest.chosen.fps > 1.5 * fastest.plain.fps
    assert all(share <= 1 for share in fastest.chosen.utilization.values() if share is not None)


def test_both_rows_are_what_such_a_network_takes(fastest):
    folded = Folded(MLP, 0.4, 0, Goal(BOARD, 100, None))
    assert folded((19, 19, 19)) == fastest.plain
    assert folded(tuple(g.kept for g in fastest.groups)) == fastest.chosen
    assert len(folded.known) == 2 < fastest.tried


def test_for_a_wished_speed_the_cheapest_widths_are_chosen():
    found = choose_widths(MLP, 0.4, 0, BOARD, clock_mhz=100, fps=500_000)
    assert found.chosen.fps >= 500_000
    assert found.chosen.resources.LUT < 0.7 * found.plain.resources.LUT


def test_where_nothing_fits_the_plain_counts_stay():
    held = BOARD.resources.model_copy(update={"LUT": 10})
    tiny: Board = BOARD.model_copy(update={"resources": held})
    found = choose_widths(MLP, 0.4, 0, tiny, clock_mhz=100)
    assert (found.plain, found.chosen, found.tried) == (None, None, 1)
    assert [g.kept for g in found.groups] == [19, 19, 19]


# --- the search itself, on costs that are made up ------------------------------------------------


def made_up(cycles, *, sizes=(32, 32), fps=None, share=lambda widths: 0.5):
    """What `Folded` does, with `cycles` and `share` as functions of the widths."""

    class MadeUp:
        goal = Goal(BOARD, 100, fps)
        prunable = tuple(SimpleNamespace(channels=size) for size in sizes)

        def __init__(self) -> None:
            self.known = {}

        def __call__(self, each):
            self.known[each] = cycles(each) and Reckoned(
                cycles_per_frame=cycles(each),
                fps=1e8 / cycles(each),
                resources=Resources(),
                utilization={"LUT": share(each), "URAM": None},
            )
            return self.known[each]

    return MadeUp()


def test_without_a_gain_no_channel_is_added():
    assert widths._descend(made_up(lambda w: 100), (19, 19)) == (19, 19)


def test_a_gain_far_below_what_a_board_shows_adds_no_channel():
    flat = made_up(lambda w: 100, share=lambda w: 0.5 - 1e-5 * sum(w))
    assert widths._descend(flat, (19, 19)) == (19, 19)


def test_widths_that_only_pay_together_are_found_through_their_cost():
    both = made_up(
        lambda w: 50 if w == (20, 20) else 100, share=lambda w: 0.6 - 0.01 * (w[0] == 20)
    )
    assert widths._descend(both, (19, 19)) == (20, 20)


def test_nothing_lies_beyond_an_eighth_or_beyond_the_layer():
    found = made_up(lambda w: 1000 - sum(w), sizes=(32, 64, 7))
    assert widths._descend(found, (19, 60, 5)) == (23, 64, 5)
    assert all(a <= 23 and b <= 64 and c == 5 for a, b, c in found.known)


def test_widths_that_do_not_fit_are_passed_over():
    assert widths._descend(made_up(lambda w: None if w[0] > 19 else 90 - w[1]), (19, 19)) == (
        19,
        23,
    )


def test_the_number_of_attempts_is_bounded(monkeypatch):
    monkeypatch.setattr(widths, "ATTEMPTS", 7)
    found = made_up(lambda w: 1000 - sum(w), sizes=(32,) * 40)
    best = widths._descend(found, (19,) * 40)
    assert len(found.known) == 7
    assert best == (23, 21, *[19] * 38)


# --- in a run ------------------------------------------------------------------------------------

RECIPE = SweepConfig.model_validate(
    {
        "data": {"name": "digits", "train_images": 400, "test_images": 64, "augment": False},
        "model": {"name": "mlp", "width": 0.5},
        "pruning": {
            "levels": [0, 0.4], "align": "auto", "start": 0, "interval": 0.1, "refresh": 0.1
        },
        "training": {"batch": 32, "dense": {"epochs": 1}, "prune": {"epochs": 1}},
        "hardware": {"verify_images": 16, "simulate_images": 0, "synthesize": False},
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "auto"
    flow.sweep(RECIPE, folder)
    return folder


def stages_done(caplog) -> list[str]:
    return [
        record.args[0]
        for record in caplog.records
        if record.name == "hwsubnet.flow.stage" and "done before" not in record.msg
    ]


def test_a_level_is_trained_with_the_widths_chosen(swept, fastest) -> None:
    dense, pruned = Report.load(swept).levels
    assert dense.widths is None
    assert not (swept / "level-0.0" / "widths").exists()
    assert pruned.widths == fastest
    kept = {g.layer: g.kept for g in fastest.groups}
    assert {name: layer.kept for name, layer in pruned.channels.items()} == {
        **kept, "classifier": 10
    }  # fmt: skip
    assert pruned.alignment.multiple is None
    assert pruned.alignment.extra_channels == sum(kept.values()) - 3 * 19
    assert pruned.cycles_per_frame == fastest.chosen.cycles_per_frame


def test_chosen_again_the_same_widths_leave_the_training_as_it_is(swept, tmp_path, caplog) -> None:
    run = shutil.copytree(swept, tmp_path / "run")
    shutil.rmtree(run / "level-0.4" / "widths")
    with caplog.at_level(logging.INFO, "hwsubnet"):
        flow.sweep(RECIPE, run)
    assert stages_done(caplog) == ["level 0.4: widths"]
    assert (run / "report.json").read_bytes() == (swept / "report.json").read_bytes()


def test_other_widths_are_trained_anew(swept, tmp_path, caplog, monkeypatch, fastest) -> None:
    run = shutil.copytree(swept, tmp_path / "run")
    shutil.rmtree(run / "level-0.4" / "widths")
    first, *others = fastest.groups
    wider = first.model_copy(update={"kept": first.kept + 1})
    other = fastest.model_copy(update={"groups": (wider, *others)})
    monkeypatch.setattr(widths, "choose_widths", lambda *_, **__: other)
    with caplog.at_level(logging.INFO, "hwsubnet"):
        flow.train(RECIPE, run, sparsity=0.4)
        flow.export(run, sparsity=0.4)
    assert stages_done(caplog) == [
        f"level 0.4: {stage}" for stage in ("widths", "train", "compact", "export")
    ]
    assert f'"kept": {wider.kept}' in (run / "level-0.4" / "compact" / "compact.json").read_text()
