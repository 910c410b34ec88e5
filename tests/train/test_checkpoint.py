"""Checkpoints hold tensors and JSON, give back what they were given, and are never pickles."""

import pickle
import struct
import zipfile

import pytest
import torch
from hypothesis import given, strategies as st

from hwsubnet.errors import OutputError
from hwsubnet.train.checkpoint import SafetensorsIO

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
)
TENSORS = st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.bool]).flatmap(
    lambda kind: st.lists(st.integers(0, 3), max_size=4).map(
        lambda shape: torch.randint(0, 2, shape).to(kind)
    )
)
KEYS = st.text(max_size=4) | st.integers()
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS | TENSORS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and one.equal(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(tree=TREES)
def test_a_tree_comes_back_as_it_was(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("checkpoint") / "c.safetensors"
    SafetensorsIO().save_checkpoint(tree, path)
    assert same(tree, SafetensorsIO().load_checkpoint(path))


def test_memory_order_and_shared_tensors_survive(tmp_path):
    images = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    tree = {"a": images, "b": images, "part": images[0]}
    SafetensorsIO().save_checkpoint(tree, tmp_path / "c")
    loaded = SafetensorsIO().load_checkpoint(tmp_path / "c")
    assert loaded["a"].stride() == images.stride()
    assert same(tree, loaded)


def test_an_optimizer_goes_on_from_its_state(tmp_path):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizer.step()
    SafetensorsIO().save_checkpoint({"optimizer": optimizer.state_dict()}, tmp_path / "c")
    other = torch.optim.SGD([torch.nn.Parameter(weight.detach().clone())], lr=0.1, momentum=0.9)
    other.load_state_dict(SafetensorsIO().load_checkpoint(tmp_path / "c")["optimizer"])
    for one in (optimizer, other):
        one.param_groups[0]["params"][0].grad = torch.ones(3)
        one.step()
    assert torch.equal(weight, other.param_groups[0]["params"][0])


def saved(tmp_path):
    path = tmp_path / "c.safetensors"
    SafetensorsIO().save_checkpoint({"weights": torch.arange(100.0), "step": 7}, path)
    return path


def test_it_is_not_a_pickle(tmp_path):
    path = saved(tmp_path)
    assert not zipfile.is_zipfile(path)
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(path.read_bytes())  # noqa: S301


def damage_flip(data: bytes) -> bytes:
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


def damage_tree(data: bytes) -> bytes:
    return data.replace(b'\\"tensor\\"', b'\\"tensxx\\"').replace(b'\\"dict\\"', b'\\"list\\"', 1)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data + b"\0",
        damage_flip,
        damage_tree,
        lambda data: pickle.dumps({"weights": 1}),
        lambda data: struct.pack("<Q", 1 << 60) + data[8:],
    ],
    ids=["empty", "cut", "longer", "flipped", "tree", "pickle", "header"],
)
def test_damage_is_one_clear_error(tmp_path, damage):
    path = saved(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OutputError) as error:
        SafetensorsIO().load_checkpoint(path)
    assert str(path) in str(error.value)


def test_what_json_cannot_hold_is_refused_and_the_old_file_stays(tmp_path):
    path = saved(tmp_path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="cannot hold a complex"):
        SafetensorsIO().save_checkpoint({"a": {"b": 1j}}, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        SafetensorsIO().save_checkpoint({}, tmp_path / "file" / "c")
