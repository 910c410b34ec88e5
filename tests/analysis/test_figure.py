"""The figure shows every model's numbers, by layer and sparsity."""

from hwsubnet.analysis import Comparison, rankings_figure


def test_every_number_has_its_place():
    found = {
        kind: [
            Comparison("conv 2", 8, sparsity, tau=0.1 * model, edits=model)
            for sparsity in (0.0, 0.5)
            for model in range(3)
        ]
        for kind in ("classifier", "autoencoder")
    }
    figure = rankings_figure(found)
    assert len(figure.data) == 2 * 2 * 2  # measures, kinds, sparsities
    names = [trace.name for trace in figure.data if trace.showlegend]
    assert names == ["dense, other images", "50% pruned ahead"]
    assert list(figure.data[0].x) == ["conv 2"] * 3
    assert list(figure.data[0].y) == [0.0, 0.1, 0.2]
    assert list(figure.data[-1].y) == [0.0, 0.125, 0.25]
    titles = [title.text for title in figure.layout.annotations]
    assert titles == ["classifiers", "autoencoders"]
