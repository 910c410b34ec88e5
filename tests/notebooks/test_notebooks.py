"""The notebooks run from top to bottom, and show what they say."""

import json
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat import NotebookNode
from support.notebooks import execute

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TINY = {
    "name": "tiny",
    "data": {"name": "digits", "augment": False},
    "model": {"name": "lenet", "width": 0.25},
    "pruning": {"levels": [0, 0.5], "start": 0, "interval": 0.1, "refresh": 0.1},
    "training": {
        "batch": 64,
        "dense": {"epochs": 1},
        "prune": {"epochs": 1},
        "qat": {"epochs": 1},
    },
    "hardware": {"verify_images": 8},
}


def executed(name: str, folder: Path, changes: dict[str, str]) -> NotebookNode:
    """Run a notebook in a folder, with some of its code, as JSON has it, replaced."""
    text = json.dumps(nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4))
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return execute(nbformat.from_dict(json.loads(text)), folder)


@pytest.fixture(scope="module")
def estimating(tmp_path_factory) -> NotebookNode:
    """The notebook on resources, in a folder where no sweep has run, with a smaller recipe."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    changes = {'preset=\\"digits\\"': 'Path(\\"tiny.yaml\\")', "../runs/digits": "run"}
    return executed("estimate_resources", folder, changes)


def test_every_level_is_listed(estimating):
    (table,) = (
        output["data"]["text/markdown"]
        for cell in estimating.cells
        for output in cell.get("outputs", ())
        if "text/markdown" in output.get("data", {})
    )
    assert "| 0% |" in table
    assert "| 50% |" in table


def test_the_controls_show_an_estimate(estimating):
    states = json.dumps(estimating.metadata["widgets"])
    assert "frames per second" in states
    assert "LUTs by layer" in states
    assert "Error" not in states


def test_speed_has_its_price(estimating):
    (figure,) = (
        output["data"]["application/vnd.plotly.v1+json"]
        for output in estimating.cells[-1]["outputs"]
    )
    assert [line["name"] for line in figure["data"]] == ["0% pruned", "50% pruned"]
    for line in figure["data"]:
        assert line["x"] == sorted(line["x"])


@pytest.fixture(scope="module")
def ranking() -> NotebookNode:
    """The notebook on rankings, with few networks and little training."""
    return executed(
        "importance_rankings", NOTEBOOKS, {"MODELS = 30": "MODELS = 2", "EPOCHS = 8": "EPOCHS = 1"}
    )


def test_both_measures_are_drawn_for_both_kinds_of_network(ranking):
    (figure,) = (
        output["data"]["application/vnd.plotly.v1+json"]
        for cell in ranking.cells
        for output in cell.get("outputs", ())
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    )
    titles = {title["text"] for title in figure["layout"]["annotations"]}
    assert titles == {"classifiers", "autoencoders"}
    assert len(figure["data"]) == 2 * 2 * 4  # measures, kinds, sparsities with 0


def test_every_layer_with_predecessors_is_listed_at_every_sparsity(ranking):
    (table,) = (output["data"]["text/markdown"] for output in ranking.cells[-1]["outputs"])
    rows = [row for row in table.splitlines() if row.endswith("% |")]
    assert len(rows) == (2 + 4) * 4
    assert "| classifier | conv 2 | 32 | 50% |" in table
    assert "| autoencoder | deconv 2 | 16 | 75% |" in table


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs(path):
    """They would be of another machine, and of another day."""
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
