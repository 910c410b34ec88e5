"""The documents name files, commands and recipes that exist."""

import re
from pathlib import Path

import pytest
import yaml

from hwsubnet.boards import Board
from hwsubnet.config import SweepConfig

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
IDS = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def _headings(text: str) -> set[str]:
    """Anchors as code hosts make them of headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document):
    for target in re.findall(r'(?:\]\(|src="|srcset=")([^)"\s]+)', document.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        assert not anchor or anchor in _headings(file.read_text()), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_commands_and_options_exist(document):
    import typer.main

    from hwsubnet.cli import app

    commands = typer.main.get_command(app).commands
    lines = re.findall(r"^(?:\$ )?hwsubnet (.+)$|`hwsubnet ([^`]+)`", document.read_text(), re.M)
    for line in (" ".join(pair).split("#")[0].split("|")[0].split() for pair in lines):
        name, *arguments = line
        if name.startswith("-"):
            continue
        options = {option for parameter in commands[name].params for option in parameter.opts}
        used = {argument for argument in arguments if argument.startswith("--")}
        assert used <= options, line


def _examples() -> list[dict[str, object]]:
    text = (ROOT / "docs" / "guide.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def test_the_guides_examples_are_valid():
    recipe, board = _examples()
    assert SweepConfig.model_validate(recipe).pruning.align == 4
    assert Board.model_validate(board).resources.DSP == 80
