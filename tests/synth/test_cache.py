"""The cache of syntheses: used, or not trusted at all."""

import json

import pytest

from hwsubnet.artifacts import LogicPath
from hwsubnet.errors import OutputError
from hwsubnet.synth.cache import Cache
from hwsubnet.synth.worker import Result

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def result() -> Result:
    path = LogicPath(levels=3, ns=2.5, start="a", end="b")
    return Result(cells={"FDRE": 3, "LUT2": 5}, path=path)


@pytest.fixture
def cache(tmp_path, result) -> Cache:
    cache = Cache(tmp_path / "syntheses")
    cache.put(KEY, result)
    return cache


def test_what_was_put_is_got(cache, result):
    assert cache.get(KEY) == result


def test_what_was_not_put_is_not_got(cache, tmp_path):
    assert cache.get(OTHER) is None
    assert Cache(tmp_path / "nowhere").get(KEY) is None


def test_every_cut_of_a_file_is_noticed(cache):
    (file,) = cache.folder.iterdir()
    whole = file.read_bytes()
    for length in range(len(whole) - 2):  # the last two: brace and line break
        file.write_bytes(whole[:length])
        assert cache.get(KEY) is None


def test_a_changed_number_is_noticed(cache):
    (file,) = cache.folder.iterdir()
    file.write_text(file.read_text().replace('"LUT2": 5', '"LUT2": 4'))
    assert cache.get(KEY) is None


def test_another_keys_file_is_noticed(cache):
    (file,) = cache.folder.iterdir()
    file.rename(file.with_name(f"{OTHER}.json"))
    assert cache.get(OTHER) is None


def test_another_versions_form_is_noticed(cache):
    (file,) = cache.folder.iterdir()
    document = json.loads(file.read_text())
    document["result"]["latches"] = 0
    file.write_text(json.dumps(document))
    assert cache.get(KEY) is None


def test_a_damaged_file_is_replaced(cache, result):
    (file,) = cache.folder.iterdir()
    file.write_bytes(b"\xff\x00")
    cache.put(KEY, result)
    assert cache.get(KEY) == result
    assert [entry.name for entry in cache.folder.iterdir()] == [file.name]


def test_a_folder_that_cannot_be_written(tmp_path, result):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        Cache(tmp_path / "file").put(KEY, result)
