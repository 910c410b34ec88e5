"""A stage's result is made once, found again while it holds good, and never half there."""

import errno
from pathlib import Path
from typing import ClassVar

import pytest

from hwsubnet.artifacts import Artifact, File, write_text
from hwsubnet.errors import ModelError, OutputError
from hwsubnet.flow.stage import Stage, clear_leftovers, complete


class Sum(Artifact):
    stem: ClassVar[str] = "sum"

    total: int
    file: File


class Bench:
    """Counts how often a stage really runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run" / "sum"
        self.runs = 0

    def stage(self, *numbers: int, **kwargs) -> Stage[Sum]:
        def run(out: Path) -> Sum:
            self.runs += 1
            write_text(out / "sum.txt", str(sum(numbers)))
            return Sum(total=sum(numbers), file=File.of(out, "sum.txt"))

        return Stage("sum", Sum, numbers, kwargs.pop("packages", ()), kwargs.pop("run", run))

    def contents(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in self.folder.iterdir()}

    def names(self) -> set[str]:
        return {p.name for p in self.folder.parent.iterdir()}


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def test_a_result_is_made_once(bench) -> None:
    first = complete(bench.stage(1, 2), bench.folder)
    assert first.total == 3
    assert set(bench.contents()) == {"sum.json", "sum.txt", "stage.json"}
    assert complete(bench.stage(1, 2), bench.folder) == first
    assert bench.runs == 1
    assert bench.names() == {"sum"}


def test_another_dependency_makes_it_anew_in_its_place(bench) -> None:
    complete(bench.stage(1, 2), bench.folder)
    assert complete(bench.stage(1, 3), bench.folder).total == 4
    assert (bench.folder / "sum.txt").read_text() == "4"
    assert bench.runs == 2
    assert bench.names() == {"sum"}


def test_another_version_of_a_package_makes_it_anew(bench, monkeypatch) -> None:
    complete(bench.stage(1, packages=("torch",)), bench.folder)
    complete(bench.stage(1, packages=("torch",)), bench.folder)
    assert bench.runs == 1
    monkeypatch.setattr("hwsubnet.flow.stage.package_versions", lambda *names: dict.fromkeys(names))
    complete(bench.stage(1, packages=("torch",)), bench.folder)
    assert bench.runs == 2


def test_an_artifact_among_the_dependencies_counts_by_its_content(bench) -> None:
    def key(total: int, sha256: str) -> str:
        return Stage(
            "next", Sum, (Sum(total=total, file=File(path="a", sha256=sha256)),), (), lambda _: None
        ).key

    assert key(1, "x") == key(1, "x")
    assert len({key(1, "x"), key(2, "x"), key(1, "y")}) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "sum.txt").write_text("4"),
        lambda folder: (folder / "sum.txt").unlink(),
        lambda folder: (folder / "sum.json").write_text("{"),
        lambda folder: (folder / "stage.json").unlink(),
        lambda folder: (folder / "sum.json").write_text(
            (folder / "sum.json").read_text().replace('"total": 3', '"total": 4')
        ),
    ],
    ids=["changed file", "missing file", "broken record", "no stage.json", "changed record"],
)
def test_a_damaged_result_is_made_anew(bench, damage) -> None:
    complete(bench.stage(1, 2), bench.folder)
    good = bench.contents()
    damage(bench.folder)
    assert complete(bench.stage(1, 2), bench.folder).total == 3
    assert bench.runs == 2
    assert bench.contents() == good


def test_a_stage_that_fails_leaves_the_old_result_and_nothing_else(bench) -> None:
    complete(bench.stage(1, 2), bench.folder)
    good = bench.contents()

    def run(out: Path) -> Sum:
        write_text(out / "half.txt", "half")
        raise ModelError("is no model")

    with pytest.raises(ModelError):
        complete(bench.stage(5, run=run), bench.folder)
    assert bench.contents() == good
    assert bench.names() == {"sum"}


def test_a_stage_that_resumes_finds_what_it_had(bench) -> None:
    def run(out: Path) -> Sum:
        if not (out / "checkpoint").exists():
            write_text(out / "checkpoint", "half way")
            raise KeyboardInterrupt
        (out / "checkpoint").unlink()
        write_text(out / "sum.txt", "3")
        return Sum(total=3, file=File.of(out, "sum.txt"))

    stage = Stage("sum", Sum, (), (), run, resumes=True)
    with pytest.raises(KeyboardInterrupt):
        complete(stage, bench.folder)
    assert not bench.folder.exists()
    assert complete(stage, bench.folder).total == 3
    assert set(bench.contents()) == {"sum.json", "sum.txt", "stage.json"}
    assert bench.names() == {"sum"}


def test_leftovers_of_a_stage_that_does_not_resume_are_not_taken_over(bench) -> None:
    stage = bench.stage(1, 2)
    work = bench.folder.with_name(f".sum-{stage.key[:12]}")
    work.mkdir(parents=True)
    (work / "stray.txt").write_text("left by a kill")
    complete(stage, bench.folder)
    assert "stray.txt" not in bench.contents()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EFBIG])
def test_a_disk_that_cannot_be_written_is_one_line(bench, number) -> None:
    def run(out: Path) -> Sum:
        raise OSError(number, "the reason")

    with pytest.raises(OutputError) as caught:
        complete(bench.stage(1, run=run), bench.folder)
    assert str(caught.value) == (
        f"{bench.folder}: cannot be written (the reason); "
        "choose another --out, or free space on the disk"
    )


def test_a_fault_of_ours_is_not_taken_for_a_full_disk(bench) -> None:
    def run(out: Path) -> Sum:
        raise FileNotFoundError(errno.ENOENT, "a file that a stage forgot to write")

    with pytest.raises(FileNotFoundError):
        complete(bench.stage(1, run=run), bench.folder)


def test_a_file_in_the_way_of_the_folder(bench, tmp_path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        complete(bench.stage(1), bench.folder)


def test_leftovers_of_a_killed_run_are_cleared(tmp_path) -> None:
    (tmp_path / "level-0.5" / ".scratch-abc").mkdir(parents=True)
    (tmp_path / ".report.json.123.tmp").write_text("half")
    (tmp_path / "level-0.5" / "weights.safetensors").write_text("kept")
    clear_leftovers(tmp_path)
    assert [p.name for p in tmp_path.rglob("*")] == ["level-0.5", "weights.safetensors"]
