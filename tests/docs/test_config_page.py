"""docs/config.md is what docs/config_page.py writes, and says something about every key."""

import runpy
from pathlib import Path

from hwsubnet.config import SweepConfig

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_fresh():
    written = runpy.run_path(str(DOCS / "config_page.py"))["page"]()
    assert (DOCS / "config.md").read_text() == written, "run python docs/config_page.py"


def keys(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_every_key_is_there():
    page = (DOCS / "config.md").read_text()
    for key in keys(SweepConfig().model_dump()):
        phase, _, field = key.removeprefix("training.").partition(".")
        shown = field if phase in ("dense", "prune", "qat") else key
        assert f"| `{shown}` | " in page
