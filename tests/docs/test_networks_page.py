"""docs/networks.md has a row for every network, as docs/networks_page.py writes it."""

import runpy
from pathlib import Path

import pytest

from hwsubnet.models import MODELS

DOCS = Path(__file__).parents[2] / "docs"


def written() -> dict[str, str]:
    lines = (DOCS / "networks.md").read_text().splitlines()
    return {line.split("`")[1]: line for line in lines if line.startswith("| `")}


def test_every_network_has_a_row():
    assert list(written())[1:] == list(MODELS)  # the first is the head


@pytest.mark.parametrize("name", ["lenet", "vae", "cyclegan"])
def test_rows_are_fresh(name):
    row = runpy.run_path(str(DOCS / "networks_page.py"))["row"]
    assert row(name) == written()[name], "run python docs/networks_page.py"
