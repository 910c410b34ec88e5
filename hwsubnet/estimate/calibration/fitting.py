"""Fitting the coefficients to synthesized samples, and how far off they are on others.

Coefficients are not negative, and what is minimized is the square of the relative error, so that
small and large nodes count alike. Errors are those of samples that were left out of the fit.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
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

SAMPLES = Path(__file__).with_name("samples.json")
_ALIKE = {"ElementwiseMul_hls": "ElementwiseAdd_hls", "VVAU_hls": "MVAU_hls"}
"""Operators that share their modules with another one, and are fitted together with it."""
_FOLDS = 5
_LEAST = 1e-3
"""Share of a node that keeps the weight of a term near 1 which no sample has."""
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


def shipped() -> list[Sample]:
    """Return the samples that ship with the package."""
    loaded = json.loads(SAMPLES.read_text(encoding="utf-8"))
    return [Sample(**row) for row in loaded["samples"]]


def relative(predicted: Numbers, truth: Numbers) -> Numbers:
    """Return errors as shares of the truth, of `_FLOOR` where that is smaller."""
    errors: Numbers = (predicted - truth) / np.maximum(truth, _FLOOR)
    return errors


def fit(samples: Sequence[Sample], seed: int = 0) -> dict[str, Any]:
    """Fit one set of weights for each operator.

    Parameters
    ----------
    samples
        Of all operators.
    seed
        Of the partition into the parts that are left out in turn.

    Returns
    -------
    dict
        ``fits`` by operator: weights of the terms, by resource. ``errors`` by operator: median
        and 90th percentile of the relative error of LUT and FF on samples that were left out, and
        the share of samples whose BRAM18, URAM and DSP the rules give exactly.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[_ALIKE.get(sample.op, sample.op)].append(sample)
    fits: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for rows in groups.values():
        built = [row.structure for row in rows]
        weights, left_out = _both(rows, built, seed)
        for op in sorted({row.op for row in rows}):
            mine = np.array([row.op == op for row in rows])
            fits[op] = weights
            errors[op] = {"samples": int(mine.sum())} | {
                name: _spread(values[mine]) for name, values in left_out.items()
            }
            for name in ("BRAM18", "URAM", "DSP"):
                found = np.array([getattr(b, name.lower())[0] for b in built])
                truth = np.array([row.truth[name] for row in rows])
                errors[op][name] = {"exact": round(float(np.mean((found == truth)[mine])), 4)}
    return {"fits": dict(sorted(fits.items())), "errors": dict(sorted(errors.items()))}


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
    """Return weights that are not negative and make the relative errors small.

    A term that says nothing new stays near the weight 1, a primitive for each thing counted: each
    is held there as strongly as by one more sample of the average share that the term has.
    """
    from sklearn.linear_model import LinearRegression

    scaled = matrix / np.maximum(truth, _FLOOR)[:, None]
    prior = np.diag(np.maximum(scaled.mean(axis=0), _LEAST))
    regression = LinearRegression(fit_intercept=False, positive=True).fit(
        np.concatenate([scaled, prior]),
        np.concatenate([target / np.maximum(truth, _FLOOR), prior.sum(axis=0)]),
    )
    weights: Numbers = regression.coef_
    return weights


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
