"""What is installed: the wheel holds all it needs, the pins are complete and name no host."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHIPPED = ("hls", "boards", "configs")


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(line.split("==")[0]): line.split("==")[1]
        for line in lines
        if line and not line.startswith("#")
    }


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """Built with the installed hatchling: no network, no isolated environment."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_ships_kernels_boards_and_recipes(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in SHIPPED:
        tracked = {
            f"hwsubnet/_shipped/{path.relative_to(ROOT).as_posix()}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".pyc"
        }
        assert tracked, folder
        assert tracked <= names


def test_the_wheel_ships_the_package_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("*.py", "*.cpp", "*.hpp"):
        files = {p.relative_to(ROOT).as_posix() for p in (ROOT / "hwsubnet").rglob(kind)}
        assert files
        assert files <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests", "runs", "docs")) for name in names)


def test_an_unpacked_wheel_finds_what_it_ships(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import hwsubnet; from hwsubnet.resources import shipped; "
        "from hwsubnet.boards import known_boards; import sys; "
        "sys.stdout.write(' '.join([hwsubnet.__file__, *(str(shipped(f)) for f in "
        f"{SHIPPED!r}), *known_boards()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    first, *rest = done.stdout.split()
    assert Path(first).is_relative_to(tmp_path)
    assert rest[:3] == [str(tmp_path / "hwsubnet" / "_shipped" / folder) for folder in SHIPPED]
    assert "Pynq-Z2" in rest


def test_a_checkout_finds_what_lies_at_its_top() -> None:
    from hwsubnet.resources import shipped

    assert [shipped(folder) for folder in SHIPPED] == [ROOT / folder for folder in SHIPPED]


def test_the_pins_hold_every_dependency_and_theirs() -> None:
    pinned = pins()
    groups = PROJECT["dependency-groups"]["dev"] + PROJECT["build-system"]["requires"]
    todo = [Requirement(line) for line in PROJECT["project"]["dependencies"] + groups]
    seen: set[str] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        if name in {"setuptools", "wheel"}:  # pip keeps these itself
            continue
        assert name in pinned, f"{name} is not pinned in constraints.txt"
        assert requirement.specifier.contains(pinned[name], prereleases=True), requirement
        todo += [Requirement(line) for line in requires(name) or ()]
    assert len(seen) > 50


def test_the_pins_are_what_is_tested() -> None:
    from importlib.metadata import distributions

    installed = {canonicalize_name(d.metadata["Name"]): d.version for d in distributions()}
    pinned = pins()
    assert not {
        name: (version, pinned[name])
        for name, version in installed.items()
        if name in pinned and pinned[name] != version
    }


@pytest.mark.parametrize(
    "name", ["constraints.txt", "pyproject.toml", "Makefile", ".ci/run", ".pre-commit-config.yaml"]
)
def test_no_file_of_the_set_up_names_a_host(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|@ ?git\+", text)


def test_one_version() -> None:
    from hwsubnet import __version__

    assert PROJECT["project"]["version"] == __version__
