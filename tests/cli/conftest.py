"""A command line that is refused: one line with the way out, exit code 2, nothing touched."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hwsubnet import cli


@pytest.fixture
def refused(monkeypatch, capfd, tmp_path) -> Callable[..., str]:
    """Run a command in an otherwise empty folder; return its one line of complaint."""
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> str:
        before = snapshot(tmp_path)
        monkeypatch.setattr(sys, "argv", ["hwsubnet", *(str(part) for part in args)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capfd.readouterr()
        assert caught.value.code == 2, err
        assert out == ""
        assert err.startswith("hwsubnet: error: ")
        assert err.count("\n") == 1, err
        assert "; " in err, f"no way out is named: {err}"
        assert snapshot(tmp_path) == before
        return err.removeprefix("hwsubnet: error: ").rstrip()

    return run


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
