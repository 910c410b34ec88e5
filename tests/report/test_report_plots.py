import pytest

from hwsubnet.report import colors, layer_plots, tradeoff_plots
from hwsubnet.report.plot import as_json


def _bars(plot):
    return [trace for trace in plot.figure.data if trace.type == "bar"]


def test_one_point_per_level(synthetic):
    report = synthetic()
    by_lut, by_fps = tradeoff_plots.tradeoffs(report)
    luts = [level.resources["analytical"].LUT for level in report.levels]
    assert list(by_lut.figure.data[0].x) == luts
    assert list(by_fps.figure.data[0].x) == [level.fps for level in report.levels]
    assert list(by_fps.figure.data[0].y) == [
        pytest.approx(100 * level.accuracy.quantized) for level in report.levels
    ]


def test_axes_name_the_rung(synthetic):
    for plot in (*tradeoff_plots.tradeoffs(synthetic()), *layer_plots.resource_plots(synthetic())):
        axes = plot.figure.layout.xaxis.title.text + plot.figure.layout.yaxis.title.text
        assert "(analytical)" in axes
        assert plot.rung == "analytical"


def test_another_resource_is_plotted_and_named_if_lut_is_unknown(synthetic):
    by_resource, _ = tradeoff_plots.tradeoffs(synthetic(lut=False))
    assert by_resource.title == "Accuracy against DSP"
    assert "LUT is unknown" in by_resource.notes[0]
    assert "LUT: unknown for every node" in " ".join(
        layer_plots.unplotted_resources(synthetic(lut=False))
    )


def test_an_unknown_level_is_named_and_not_drawn(synthetic):
    report = synthetic()
    lost = report.levels[1].model_copy(update={"fps": None})
    report = report.model_copy(update={"levels": (report.levels[0], lost, *report.levels[2:])})
    _, by_fps = tradeoff_plots.tradeoffs(report)
    assert len(by_fps.figure.data[0].x) == 3
    assert by_fps.notes == ("Not shown, because unknown: 25 %.",)
    assert by_fps.table.rows[1][1] == "unknown"


def test_nothing_known_gives_words_and_no_figure(empty):
    drawn = [
        *tradeoff_plots.tradeoffs(empty),
        layer_plots.channels_plot(empty),
        layer_plots.cycles_plot(empty),
    ]
    assert all(plot.figure is None and "Nothing to draw" in plot.caption for plot in drawn)
    assert layer_plots.resource_plots(empty) == ()
    assert as_json(drawn) == {}


def test_stacks_add_up_to_the_known_part(synthetic):
    report = synthetic()
    for plot in layer_plots.resource_plots(report):
        resource = plot.title.split()[0]
        for place, level in enumerate(report.levels):
            height = sum(bar.y[place] for bar in _bars(plot))
            assert height == pytest.approx(getattr(level.resources["analytical"], resource))


def test_nodes_without_a_model_make_the_stack_a_lower_bound(synthetic):
    lut, dsp, _ = layer_plots.resource_plots(synthetic())
    assert "lower bound: up to 6 of 12 nodes" in lut.notes[0]
    assert dsp.notes == ()


def test_only_the_bottleneck_is_solid(synthetic):
    for bar, level in zip(
        _bars(layer_plots.cycles_plot(synthetic())), synthetic().levels, strict=True
    ):
        for cycles, opacity in zip(bar.y, bar.marker.opacity, strict=True):
            assert (opacity == 1) == (cycles == level.cycles_per_frame)


def test_channels_show_kept_before_dense(synthetic):
    dense, *kept = _bars(layer_plots.channels_plot(synthetic()))
    assert max(kept[0].y) == max(dense.y)
    assert [bar.y[0] for bar in kept] == [32, 24, 16, 8]
    assert [bar.y[-1] for bar in kept] == [10, 10, 10, 10]


def test_crowded_points_keep_their_colour_and_lose_their_label(synthetic):
    _, by_fps = tradeoff_plots.tradeoffs(synthetic([place / 20 for place in range(20)]))
    assert "" in by_fps.figure.data[0].text
    assert len(by_fps.legend) == 20


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("card", ["#ffffff", "#1a2029"])
@pytest.mark.parametrize("count", [1, 4, 10, 40])
def test_colours_are_distinct_and_stand_out_on_both_schemes(card, count):
    for chosen in (
        colors.layer_colors(count),
        colors.level_colors([place / count for place in range(count)]),
    ):
        assert len(set(chosen)) == count
        assert min(_contrast(color, card) for color in chosen) >= 3
