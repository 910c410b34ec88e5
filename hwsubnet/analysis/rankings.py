"""How far two rankings of a layer's channels are apart.

The two measures are those of Zhang, Colbert & Das (Applied Sciences 12(15):7829, 2022). SciPy's
``kendalltau`` is tau-b or tau-c, which divide ties out; tau-a counts them as disagreement.
"""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor


def ranking(importance: Tensor) -> tuple[int, ...]:
    """Return the channels from the most to the least important; of equals the lower index first.

    Parameters
    ----------
    importance
        (C,), larger is more important.
    """
    return tuple(torch.argsort(importance, descending=True, stable=True).tolist())


def kendall_tau_a(first: Tensor, second: Tensor) -> float:
    """Return Kendall's tau-a of two measures of the same channels.

    (concordant - discordant) / (n (n - 1) / 2) over all pairs of channels; a pair that is tied in
    either measure counts as neither. 1: the same order; 0: none in common; -1: the reverse.

    Parameters
    ----------
    first, second
        Importances, (n,), n >= 2.

    Raises
    ------
    ValueError
        If they have different lengths, or there is no pair.
    """
    if first.shape != second.shape or first.dim() != 1 or len(first) < 2:
        raise ValueError(f"no pairs of channels in {tuple(first.shape)} and {tuple(second.shape)}")
    agreement = _order(first) * _order(second)
    pairs = len(first) * (len(first) - 1)  # each counted twice, above and below the diagonal
    return int(agreement.sum()) / pairs


def levenshtein(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Return the least number of insertions, deletions and substitutions from one to the other."""
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            substituted = diagonal + (one != other)
            diagonal = row[j]
            row[j] = min(substituted, row[j] + 1, row[j - 1] + 1)
    return row[-1]


def _order(values: Tensor) -> Tensor:
    """Sign of each difference, int64 (n, n)."""
    return torch.sign(values[:, None] - values[None, :]).to(torch.int64)
