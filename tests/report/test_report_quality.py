"""Reports of networks that do not classify say what they are measured by."""

import pytest
from conftest import make_report

from hwsubnet.artifacts import Accuracy
from hwsubnet.cli import tables
from hwsubnet.report.headline import rows, tiles
from hwsubnet.report.page import render
from hwsubnet.report.tables import to_csv
from hwsubnet.report.tradeoff_plots import tradeoffs

MINUS = "\N{MINUS SIGN}"


def measured_by(metric, values):
    report = make_report(sparsities=(0.0, 0.5))
    levels = tuple(
        level.model_copy(
            update={
                "accuracy": Accuracy(
                    metric=metric, float=value, quantized=value, split="test", images=7
                )
            }
        )
        for level, value in zip(report.levels, values, strict=True)
    )
    return report.model_copy(update={"levels": levels})


@pytest.mark.parametrize(
    ("metric", "values", "shown", "step", "note"),
    [
        ("accuracy", (0.9, 0.85), ("90.00 %", "85.00 %"), f"{MINUS}5.0 points", "top-1"),
        ("mIoU", (0.6169, 0.5), ("61.69 %", "50.00 %"), f"{MINUS}11.7 points", "mean intersection"),
        ("FID", (47.17, 58.12), ("47.17", "58.12"), "+23 %", "distance, less is better"),
        ("ELBO", (-89.5, -95.25), ("-89.5", "-95.25"), None, "nats an image"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_what_a_metric_is_called_and_how_it_is_written(metric, values, shown, step, note, tmp_path):
    report = measured_by(metric, values)
    row = rows(report)[0]
    assert row.title == f"{metric}, quantized"
    assert tuple(cell.text for cell in row.cells) == shown
    assert row.cells[1].step == step
    assert note in row.note
    assert row.note.endswith("on 7 test images")
    assert tiles(report)[0].title.lower() == f"{metric}, quantized".lower()
    plot = tradeoffs(report)[0]
    assert plot.title.lower().startswith(f"{metric} against".lower())
    assert ("down is better" in plot.caption) == (metric == "FID")
    points = plot.figure.data[0].y
    assert points == pytest.approx(
        [v * (100 if metric in ("accuracy", "mIoU") else 1) for v in values]
    )
    header, first, _ = to_csv(report).splitlines()
    assert dict(zip(header.split(","), first.split(","), strict=False))["accuracy_metric"] == metric
    assert metric in render(report)
    assert tables.report(report, tmp_path)
