"""How well a network does its task: what that is called, and how it is written."""

from typing import NamedTuple

from hwsubnet.artifacts import Accuracy, Level, Metric, Report
from hwsubnet.report.text import change, percent, points, significant


class Quality(NamedTuple):
    """One metric, for people."""

    name: str
    note: str
    share: bool = True
    """Whether it is a share of 1, written in percent."""
    direction: str = "up"
    """Where better is in a plot."""

    def text(self, value: float | None) -> str:
        """Write a value briefly."""
        return percent(value) if self.share else significant(value)

    def exact(self, value: float | None) -> str:
        """Write a value."""
        return percent(value, 2) if self.share else significant(value)

    def step(self, before: float | None, after: float | None) -> str | None:
        """Say how a value differs from another."""
        return points(before, after) if self.share else change(before, after)

    @property
    def unit(self) -> str:
        """Behind the name, on an axis."""
        return " (%)" if self.share else ""

    @property
    def scale(self) -> float:
        """From values to the axis."""
        return 100 if self.share else 1


QUALITIES: dict[Metric, Quality] = {
    "accuracy": Quality("accuracy", "top-1"),
    "mIoU": Quality("mIoU", "mean intersection over union"),
    "ELBO": Quality("ELBO", "nats an image, more is better", share=False),
    "FID": Quality("FID", "distance, less is better", share=False, direction="down"),
}


def quality(report: Report) -> Quality:
    """Return what the report's networks are measured by; accuracy where nothing is known."""
    known = [level.accuracy for level in report.levels if level.accuracy]
    return quality_of(known[0] if known else None)


def quality_of(accuracy: Accuracy | None) -> Quality:
    """Return what a network was measured by."""
    return QUALITIES[accuracy.metric if accuracy else "accuracy"]


def quantized(level: Level) -> float | None:
    """Return how well the network does that goes into hardware."""
    return level.accuracy.quantized if level.accuracy else None
