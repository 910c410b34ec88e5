"""FINN's settings, which it wants before it is imported."""

from functools import cache
from pathlib import Path
from tempfile import gettempdir

from hwsubnet.tools import set_environment


@cache
def initialize() -> None:
    """Let FINN be imported without its container or its command line; add what it lacks."""
    scratch = str(Path(gettempdir()))
    set_environment({"FINN_BUILD_DIR": scratch, "FINN_DEPS": scratch, "NUM_DEFAULT_WORKERS": "1"})
    from finn.util.settings import initialize_dummy_settings

    initialize_dummy_settings()

    from hwsubnet.finn_adapter import rtl_variants, window_counters

    rtl_variants.register()
    window_counters.mend()
