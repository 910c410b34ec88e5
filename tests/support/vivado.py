"""A Vivado for tests: its commands as `vivado_model.tcl` knows them, run by a real tclsh."""

import shutil
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[1] / "build" / "vivado_model.tcl"
needs_tclsh = pytest.mark.skipif(
    shutil.which("tclsh") is None, reason="no tclsh here (Debian: apt-get install tcl)"
)


class FakeVivado:
    """A program `vivado` in a folder of its own, which is put on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.says(release="2022.2", fault="")
        script = folder / "vivado"
        script.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" = -version ]; then echo "vivado v$(cat {folder}/release)"; exit 0; fi\n'
            'while [ "$1" != -source ]; do shift; done\n'
            f'exec tclsh {MODEL} "$2" "$(cat {folder}/fault)"\n'
        )
        script.chmod(0o755)

    def says(self, **texts: str) -> None:
        """Choose its `release` and its `fault`."""
        for name, text in texts.items():
            (self.folder / name).write_text(text)
