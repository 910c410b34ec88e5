"""Widths that fold well, chosen for the board before a level is trained.

How a network folds depends on its shapes, not on what it has learned. So a level's widths can be
chosen by folding untrained networks: each candidate is cut to its widths, exported, lowered and
folded as the trained one will be, and judged as folding judges: by speed where the fastest folding
is wanted, then by the largest share of the board. docs/adr/0010-widths-by-folding.md says why.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from hwsubnet.artifacts import ChosenWidths, GroupWidth, NetworkSpec, Reckoned
from hwsubnet.boards import Board
from hwsubnet.compact import remove_channels
from hwsubnet.errors import DoesNotFit
from hwsubnet.estimate import estimate
from hwsubnet.export import export
from hwsubnet.lower import lower
from hwsubnet.models import build, layer_label
from hwsubnet.progress import progress
from hwsubnet.prune import ChannelGroup, channels_to_keep, find_groups, select
from hwsubnet.quant import set_quantization

log = logging.getLogger(__name__)

REACH = 8
"""A group keeps at most one part in so many of its channels more than the level leaves."""
ATTEMPTS = 400
"""Combinations of widths that are folded at most."""
CALIBRATION_IMAGES = 8
"""Random ones, from which an untrained network's quantizers take their scales."""

Widths = tuple[int, ...]
"""Channels kept, by group."""


@dataclass(frozen=True)
class Goal:
    """What the accelerator is to be."""

    board: Board
    clock_mhz: float
    fps: float | None
    """Cheapest folding that reaches this; ``None``: the fastest that fits."""

    def rank(self, widths: Widths, found: Reckoned | None) -> tuple[float, ...]:
        """Say how good some widths are, less is better; of equals those with fewer channels."""
        if found is None:
            return float("inf"), float("inf"), sum(widths)
        cycles = found.cycles_per_frame if self.fps is None else 0
        share = max(share for share in found.utilization.values() if share is not None)
        return cycles, round(share, 3), sum(widths)


class Folded:
    """Untrained networks of the widths that a level leaves or more, folded for a goal; each once.

    Parameters
    ----------
    spec
        The network before pruning.
    sparsity
        Share of every group's channels that may go.
    seed
        Of its weights, and of which channels go.
    """

    def __init__(self, spec: NetworkSpec, sparsity: float, seed: int, goal: Goal) -> None:
        self.goal, self.sparsity, self.shape = goal, sparsity, spec.input_shape
        self.network = _ready(spec, seed)
        self.groups = find_groups(self.network)
        self.known: dict[Widths, Reckoned | None] = {}
        generator = torch.Generator().manual_seed(seed)
        self._order = [torch.rand(group.channels, generator=generator) for group in self.prunable]

    @property
    def prunable(self) -> list[ChannelGroup]:
        """Those groups that may be narrower."""
        return [group for group in self.groups if group.prunable]

    @property
    def plain(self) -> Widths:
        """What the level leaves of them."""
        return tuple(
            channels_to_keep(group.channels, self.sparsity, where=group.name)
            for group in self.prunable
        )

    def __call__(self, widths: Widths) -> Reckoned | None:
        """Return how the network folds with `widths`, ``None`` if no folding of it fits."""
        if widths not in self.known:
            self.known[widths] = self._fold(widths)
        return self.known[widths]

    def narrow(self, widths: Widths) -> nn.Module:
        """Return the untrained network with so many channels left of each group."""
        keeps = {
            group.name: select(order, self.sparsity, layers=group.layers, least=width)
            for group, order, width in zip(self.prunable, self._order, widths, strict=True)
        }
        return remove_channels(self.network, self.groups, keeps)

    def _fold(self, widths: Widths) -> Reckoned | None:
        with TemporaryDirectory(prefix="hwsubnet-") as scratch:
            folder = Path(scratch)
            export(self.narrow(widths), torch.zeros(1, *self.shape, dtype=torch.uint8), folder)
            lowered = lower(folder / "model.onnx", folder, self.goal.board)
            try:
                found = estimate(
                    lowered,
                    folder,
                    self.goal.board,
                    folder,
                    fps=self.goal.fps,
                    clock_mhz=self.goal.clock_mhz,
                )
            except DoesNotFit:
                return None
        return Reckoned(
            cycles_per_frame=found.cycles_per_frame,
            fps=found.fps,
            resources=found.resources["calibrated"],
            utilization=found.utilization,
        )


def choose_widths(
    spec: NetworkSpec,
    sparsity: float,
    seed: int,
    board: Board,
    *,
    clock_mhz: float,
    fps: float | None = None,
) -> ChosenWidths:
    """Choose how many channels of each group stay at a level, for the folding that a board allows.

    Each group keeps what the level leaves of it or up to a :data:`REACH`-th of its channels more,
    never fewer: what a level promises holds. Starting from what the level leaves, one group after
    the other takes its best width, until no group has a better one. So the result is never worse
    than plain counts; it need not be the best of all combinations.

    Parameters
    ----------
    spec
        The network before pruning.
    sparsity
        Share of every group's channels that may go, in (0, 1).
    seed
        Of the untrained weights.
    board, clock_mhz, fps
        As of :func:`hwsubnet.estimate.estimate`.

    Raises
    ------
    ConfigError
        If the level would empty a group.
    """
    folded = Folded(spec, sparsity, seed, Goal(board, clock_mhz, fps))
    best = plain = folded.plain
    if folded(plain) is not None:  # what is wider does not fit either
        best = _descend(folded, plain)
    groups = zip(folded.prunable, plain, best, strict=True)
    chosen = ChosenWidths(
        groups=tuple(
            GroupWidth(
                group=group.name,
                layer=layer_label(group.name),
                of=group.channels,
                plain=fewest,
                kept=kept,
            )
            for group, fewest, kept in groups
        ),
        plain=folded(plain),
        chosen=folded(best),
        tried=len(folded.known),
    )
    log.info("level %g: %d combinations of widths folded", sparsity, chosen.tried)
    return chosen


def _descend(folded: Folded, plain: Widths) -> Widths:
    """Give one group after the other its best width, as long as that changes any."""

    def rank(widths: Widths) -> tuple[float, ...]:
        return folded.goal.rank(widths, folded(widths))

    reach = [
        range(fewest, min(group.channels, fewest + group.channels // REACH) + 1)
        for group, fewest in zip(folded.prunable, plain, strict=True)
    ]
    best = plain
    with progress() as display:
        task = display.add_task("widths", total=None)
        while True:
            before = best
            for place, widths in enumerate(reach):
                allowed = ATTEMPTS - len(folded.known)
                tried = list(_unless_too_many(folded, _exchanged(best, place, widths), allowed))
                best = min(tried, key=rank)
                display.advance(task, len(tried))
            if best == before:
                break
        display.remove_task(task)
    return best


def _exchanged(widths: Widths, place: int, choices: Sequence[int]) -> Iterator[Widths]:
    """Yield `widths` with each of the choices in one place."""
    for width in choices:
        yield (*widths[:place], width, *widths[place + 1 :])


def _unless_too_many(
    folded: Folded, candidates: Iterator[Widths], allowed: int
) -> Iterator[Widths]:
    """Yield what has been folded, and so many others."""
    for widths in candidates:
        if widths not in folded.known:
            if allowed <= 0:
                continue
            allowed -= 1
        yield widths


def _ready(spec: NetworkSpec, seed: int) -> nn.Module:
    """Build a network whose quantizers are on, as after training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(spec)
        set_quantization(network, weights=True, activations=True)
        network.train()(torch.rand(CALIBRATION_IMAGES, *spec.input_shape))
    return network.eval()
