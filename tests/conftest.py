"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Quick, tolerant of a busy machine, and a failure says how to repeat it.
settings.register_profile("hwsubnet", max_examples=30, deadline=None, print_blob=True)
settings.load_profile("hwsubnet")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Built simulations and syntheses are shared within a run of the tests, and only there."""
    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if base.name.startswith("popen-") else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        yield cache
