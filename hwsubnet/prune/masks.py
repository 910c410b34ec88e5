"""Channel masks: which channels of an activation stay, and how many."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import torch
from torch import Tensor, nn

from hwsubnet.errors import ConfigError
from hwsubnet.prune.importance import mean_magnitude, share_nonzero


class ChannelMask(nn.Module):
    """Zeroes the channels that do not stay; stands after norm and ReLU, before quantization.

    A channel that is masked contributes nothing to any later layer, so removing it changes no
    output. While observed, the mask also measures the activation that reaches it: after all
    earlier masks and before itself, in training passes only, averaged over batches
    (``mu <- mu + (x - mu) / (t + 1)``, t an integer counted from the start of the observation).

    Parameters
    ----------
    channels
        Size of axis 1 of the activation, (N, C) or (N, C, H, W).
    """

    keep: Tensor
    observing: Tensor
    batches: Tensor
    l1: Tensor
    l0: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("keep", torch.ones(channels, dtype=torch.bool))
        self.register_buffer("observing", torch.tensor(False))
        self.register_buffer("batches", torch.tensor(0, dtype=torch.int64))
        self.register_buffer("l1", torch.zeros(channels))
        self.register_buffer("l0", torch.zeros(channels))
        self._keeps_all: bool | None = None

    def forward(self, activation: Tensor) -> Tensor:
        """Return `activation` with masked channels at 0."""
        if self.training and torch.is_grad_enabled() and self.observing:
            self._measure(activation)
        if self._keeps_all is None:
            self._keeps_all = bool(self.keep.all())
        if self._keeps_all:
            return activation
        factor = self.keep.to(activation.dtype)
        return activation * factor.view(1, -1, *[1] * (activation.dim() - 2))

    def set(self, keep: Tensor) -> None:
        """Choose the channels that stay; `keep` is a bool tensor (C,)."""
        self.keep.copy_(keep)
        self._keeps_all = None

    def observe(self, on: bool) -> None:
        """Start measuring afresh, or stop; no effect where that is already so."""
        if on and not self.observing:
            for statistic in (self.batches, self.l1, self.l0):
                statistic.zero_()
        self.observing.fill_(on)

    def _measure(self, activation: Tensor) -> None:
        for mean, value in (
            (self.l1, mean_magnitude(activation)),
            (self.l0, share_nonzero(activation)),
        ):
            mean += (value - mean) / (self.batches + 1)
        self.batches += 1

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self._keeps_all = None


def channels_to_keep(
    size: int, sparsity: float, multiple: int = 1, where: object | None = None
) -> int:
    """How many of `size` channels stay at a level; the one rounding rule of the project.

    Exactly ``round(sparsity * size)`` channels go, halves rounded up, computed on the decimal
    digits of `sparsity` (0.35 of 20 is 7, whatever binary floating point makes of it). The number
    that stays is then rounded up to a `multiple`, but never beyond `size`.

    Raises
    ------
    ConfigError
        If the level is outside [0, 1) or would remove every channel; `where` names the layer.
    """
    if not 0 <= sparsity < 1:
        raise ConfigError(f"a level must lie in [0, 1), not {sparsity}", where=where)
    exact = Decimal(repr(float(sparsity))) * size
    kept = size - int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    if kept == 0:
        raise ConfigError(
            f"level {sparsity} would remove all {size} channels",
            where=where,
            fix=f"choose a level below {(size - 0.5) / size:.4g} or a wider network",
        )
    return min(size, -(-kept // multiple) * multiple)


def select(
    importance: Tensor,
    sparsity: float,
    multiple: int = 1,
    where: object | None = None,
    layers: Sequence[Tensor] = (),
    least: int = 0,
) -> Tensor:
    """Choose the most important channels, exactly as many as :func:`channels_to_keep` says.

    Of equally important channels those with the lower index stay.

    Parameters
    ----------
    importance
        (C,), larger is more important.
    layers
        Channels of layers none of which may lose all, int64 (n,) each: their most important ones
        stay before all others. Where a layer holds all C channels this changes nothing.
    least
        Channels that stay at least, where their number was chosen for how well it folds.

    Returns
    -------
    Tensor
        Which channels stay, bool (C,).

    Raises
    ------
    ConfigError
        As :func:`channels_to_keep`; or if fewer channels stay than `layers` need, or there are
        fewer than `least`.
    """
    count = max(channels_to_keep(len(importance), sparsity, multiple, where), least)
    if count > len(importance):
        raise ConfigError(f"cannot keep {count} of {len(importance)} channels", where=where)
    order = torch.argsort(importance, descending=True, stable=True)
    rank = torch.argsort(order)
    keep = torch.zeros(len(importance), dtype=torch.bool, device=importance.device)
    for channels in layers:
        keep[channels[rank[channels].argmin()]] = True
    needed = int(keep.sum())
    if needed > count:
        raise ConfigError(
            f"level {sparsity} keeps {count} channels, fewer than its {needed} layers that need "
            "one each",
            where=where,
            fix="choose a lower level or wider layers",
        )
    keep[order[~keep[order]][: count - needed]] = True
    return keep
