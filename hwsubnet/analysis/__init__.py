"""What pruning does inside networks, over many of them: experiments that no accelerator needs."""

from hwsubnet.analysis.experiment import KINDS, Kind, run_model
from hwsubnet.analysis.figure import rankings_figure
from hwsubnet.analysis.predecessors import Comparison, compare
from hwsubnet.analysis.rankings import kendall_tau_a, levenshtein, ranking

__all__ = [
    "KINDS",
    "Comparison",
    "Kind",
    "compare",
    "kendall_tau_a",
    "levenshtein",
    "ranking",
    "rankings_figure",
    "run_model",
]
