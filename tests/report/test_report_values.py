import pytest

from hwsubnet.artifacts import Level, Resources
from hwsubnet.report import text, values


def _level(**resources: Resources) -> Level:
    return Level(sparsity=0, resources=resources)


def test_the_highest_rung_wins_and_keeps_its_name():
    resources = {"analytical": Resources(LUT=10, DSP=3), "synthesized": Resources(LUT=14)}
    assert values.highest(resources, "LUT") == (14, "synthesized")
    assert values.highest(resources, "DSP") == (3, "analytical")
    assert values.highest(resources, "FF") is None


def test_zero_is_known():
    assert values.highest({"analytical": Resources(URAM=0)}, "URAM") == (0, "analytical")


def test_levels_are_compared_at_one_rung():
    low = _level(analytical=Resources(LUT=10), synthesized=Resources(LUT=14))
    high = _level(analytical=Resources(LUT=20))
    series = values.comparable([low, high])
    assert series == ("LUT", "analytical", (10, 20))
    assert values.comparable([low]) == ("LUT", "synthesized", (14,))


def test_another_resource_stands_in_where_lut_is_unknown():
    levels = [_level(analytical=Resources(DSP=4, BRAM18=2)), _level(analytical=Resources(DSP=2))]
    assert values.comparable(levels) == ("DSP", "analytical", (4, 2))
    assert values.comparable([Level(sparsity=0)]) is None


def test_a_layer_sums_what_is_known_and_counts_what_is_not(synthetic):
    level = synthetic().levels[0]
    use = values.layer_use(level, "conv0", "analytical", "LUT")
    assert use == (1_500, 1)
    assert values.layer_use(level, "conv0", "analytical", "FF") == (None, 2)


def test_the_bottleneck_is_the_slowest_node(synthetic):
    level = synthetic().levels[0]
    slowest = values.bottleneck(level)
    assert slowest is not None
    assert slowest.cycles == level.cycles_per_frame
    assert values.layer_cycles(level, slowest.layer) == slowest.cycles
    assert values.bottleneck(Level(sparsity=0)) is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (100, 50, "\N{MINUS SIGN}50 %"),
        (100, 130, "+30 %"),
        (100, 250, "2.5 \N{MULTIPLICATION SIGN}"),
        (100, 100.2, "same"),
        (0, 5, None),
        (None, 5, None),
        (5, None, None),
    ],
)
def test_change(before, after, said):
    assert text.change(before, after) == said


def test_points():
    assert text.points(0.92, 0.905) == "\N{MINUS SIGN}1.5 points"
    assert text.points(0.92, 0.92) == "same"
    assert text.points(None, 0.92) is None


def test_unknown_is_a_word_and_never_zero():
    formats = (text.number, text.significant, text.percent)
    assert {form(None) for form in formats} == {"unknown"}
    assert {form(0) for form in formats} == {"0", "0.0 %"}


def test_a_long_name_keeps_both_ends():
    short = text.shorten("a" * 50 + "end", 24)
    assert len(short) == 24
    assert short.startswith("aaa")
    assert short.endswith("end")
    assert text.shorten("short") == "short"


def test_plotly_gets_no_markup():
    assert text.plotly_text("<a href='x'>&lt;</a>") == "&lt;a href='x'&gt;&amp;lt;&lt;/a&gt;"
    assert "%{" not in text.plotly_text("%{x}")
