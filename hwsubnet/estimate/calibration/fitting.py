"""Fitting the coefficients to synthesized samples, and how far off they are on others.

Coefficients are not negative, and what is minimized is the square of the relative error, so that
small and large nodes count alike. Errors are those of samples that were left out of the fit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsubnet.estimate.calibration import edge
from hwsubnet.estimate.calibration.model import EDGE, design, structure
from hwsubnet.estimate.calibration.structure import Numbers, Parameters, Structure

_DEFAULTS: Mapping[str, Any] = {
    "binaryXnorMode": 0,
    "deep_pipeline": 1,
    "parallel_window": 0,
    "ram_style": "auto",
}
_DEFAULT_BUFFER = {"ram_style": "distributed"}
"""FINN's values of attributes that a sample may leave out; the latter of a sliding window."""

_FOLDS = 5
_FLOOR = 20.0
"""LUTs or flip-flops below which errors are absolute: a share of almost nothing says little."""


class Sample(NamedTuple):
    """One synthesized node or stream."""

    op: str
    family: str
    attributes: Mapping[str, Any]
    cells: Mapping[str, int]

    @property
    def structure(self) -> Structure:
        """Return what it is built of."""
        if self.op == EDGE:
            before, after, depth = (
                np.array([float(self.attributes[name])])
                for name in ("in_bits", "out_bits", "depth")
            )
            return edge.structure(before, after, depth, self.family, ultraram=self.ultraram)
        buffer = _DEFAULT_BUFFER if self.op.startswith("ConvolutionInputGenerator") else {}
        known = {**_DEFAULTS, **buffer, **self.attributes}
        return structure(
            self.op, Parameters(known.__getitem__, [{}], self.family, ultraram=self.ultraram)
        )

    @property
    def ultraram(self) -> bool:
        """Whether it was synthesized for a part with UltraRAM."""
        return self.family == "xcup"

    @property
    def truth(self) -> dict[str, float]:
        """Return the counts by resource."""
        cells = self.cells
        return {
            "LUT": cells["lut_logic"] + cells["lut_memory"],
            "FF": cells["ff"],
            "BRAM18": cells["bram18"],
            "URAM": cells["uram"],
            "DSP": cells["dsp"],
        }


def relative(predicted: Numbers, truth: Numbers) -> Numbers:
    """Return errors as shares of the truth, of `_FLOOR` where that is smaller."""
    errors: Numbers = (predicted - truth) / np.maximum(truth, _FLOOR)
    return errors


def fit(samples: Sequence[Sample], seed: int = 0) -> dict[str, Any]:
    """Fit one set of coefficients for each operator and family.

    Parameters
    ----------
    samples
        Of all operators.
    seed
        Of the partition into the parts that are left out in turn.

    Returns
    -------
    dict
        ``fits`` by operator and family: weights of the terms, by resource; ``errors`` by operator:
        median and 90th percentile of the relative error on samples that were left out.
    """
    by_op: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_op[sample.op].append(sample)
    fits: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for op, rows in sorted(by_op.items()):
        built = [row.structure for row in rows]
        weights, left_out = _both(rows, built, seed)
        for family in ("xc7", "xcup"):
            fits[f"{op} {family}"] = weights
        errors[op] = {"samples": len(rows)} | {
            name: _spread(values) for name, values in left_out.items()
        }
        for name in ("BRAM18", "URAM", "DSP"):
            found = np.array([getattr(b, name.lower())[0] for b in built])
            truth = np.array([row.truth[name] for row in rows])
            errors[op][f"{name}_exact"] = float(np.mean(found == truth))
    return {"fits": fits, "errors": errors}


def _both(
    rows: Sequence[Sample], built: Sequence[Structure], seed: int
) -> tuple[dict[str, dict[str, float]], dict[str, Numbers]]:
    weights, left_out = {}, {}
    memory = np.array([b.lut_memory[0] for b in built])
    for name, terms, known in (
        ("LUT", [b.logic for b in built], memory),
        ("FF", [b.registers for b in built], np.zeros(len(rows))),
    ):
        names, matrix = design(terms)
        truth = np.array([row.truth[name] for row in rows], dtype=np.float64)
        found = _weights(matrix, truth - known, truth)
        weights[name] = dict(zip(names, map(float, found), strict=True))
        predicted = np.empty(len(rows))
        for inside, outside in _partition(len(rows), seed):
            some = _weights(matrix[inside], (truth - known)[inside], truth[inside])
            predicted[outside] = known[outside] + matrix[outside] @ some
        left_out[name] = relative(predicted, truth)
    return weights, left_out


def _weights(matrix: Numbers, target: Numbers, truth: Numbers) -> Numbers:
    from sklearn.linear_model import LinearRegression

    regression = LinearRegression(fit_intercept=False, positive=True)
    scale = np.maximum(matrix.max(axis=0), 1)  # terms of very different size
    regression.fit(matrix / scale, target, sample_weight=np.maximum(truth, _FLOOR) ** -2.0)
    found: Numbers = regression.coef_ / scale
    return found


def _partition(count: int, seed: int) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    if count < 2:
        return
    order = np.random.default_rng(seed).permutation(count)
    for part in np.array_split(order, min(_FOLDS, count)):
        yield np.setdiff1d(order, part), part


def _spread(errors: Numbers) -> dict[str, float]:
    sizes = np.abs(errors)
    return {
        "median": round(float(np.median(sizes)), 4),
        "p90": round(float(np.quantile(sizes, 0.9)), 4),
    }
