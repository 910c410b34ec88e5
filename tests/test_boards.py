"""Boards: totals, lookup, and what a malformed file is told."""

import json

import pytest
import yaml

from hwsubnet.artifacts import Resources
from hwsubnet.boards import Board, board_schema, known_boards, load_board
from hwsubnet.errors import BoardError
from hwsubnet.resources import shipped

# (LUT, FF, BRAM18, DSP, URAM), typed from the data sheets a second time
TOTALS = {
    "Pynq-Z1": (53_200, 106_400, 280, 220, 0),
    "Pynq-Z2": (53_200, 106_400, 280, 220, 0),
    "Ultra96-V2": (70_560, 141_120, 432, 360, 0),
    "AUP-ZU3": (70_560, 141_120, 432, 360, 0),
    "ZCU104": (230_400, 460_800, 624, 1_728, 96),
    "KV260": (117_120, 234_240, 288, 1_248, 64),
    "ZCU111": (425_280, 850_560, 2_160, 4_272, 80),
    "RFSoC2x2": (425_280, 850_560, 2_160, 4_272, 80),
}
GOOD = yaml.safe_load((shipped("boards") / "Pynq-Z2.yaml").read_text())


def test_every_board_ships_and_no_other() -> None:
    assert set(known_boards()) == set(TOTALS)


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name: str) -> None:
    r = load_board(name).resources
    assert TOTALS[name] == (r.LUT, r.FF, r.BRAM18, r.DSP, r.URAM)
    assert isinstance(r, Resources)


@pytest.mark.parametrize("name", TOTALS)
def test_file_name_clock_and_port(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    if board.family == "xc7":
        assert (board.clock_mhz, board.axi_bits) == (100, 64)
    else:
        assert 200 <= board.clock_mhz <= 300
        assert board.axi_bits == 128
    assert board.sources


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("pynq-z2", "Pynq-Z2"),
        ("PYNQ_Z2", "Pynq-Z2"),
        ("PYNQ Z1", "Pynq-Z1"),
        ("ultra96v2", "Ultra96-V2"),
        ("zcu104", "ZCU104"),
        ("KV260_SOM", "KV260"),
        ("AUP-ZU3_8GB", "AUP-ZU3"),
    ],
)
def test_lookup_is_tolerant(written: str, name: str) -> None:
    assert load_board(written).name == name


def test_parts_are_those_of_finn() -> None:
    from finn.util.basic import pynq_part_map  # the names by which FINN users know the boards

    known = {name: load_board(name) for name in known_boards()}
    for board in known.values():
        names = {board.name, *board.aliases} & set(pynq_part_map)
        assert names, board.name
        assert {pynq_part_map[name] for name in names} == {board.part}


def test_an_unknown_board_is_told_the_nearest() -> None:
    with pytest.raises(BoardError) as caught:
        load_board("Pynq-Z3")
    assert str(caught.value) == (
        "there is no board 'Pynq-Z3'; did you mean Pynq-Z2 or Pynq-Z1? `hwsubnet boards` lists "
        "them all, and the path of a YAML file describes another"
    )


def test_an_unknown_board_that_is_near_none() -> None:
    with pytest.raises(BoardError, match=r"^there is no board 'x'; `hwsubnet boards` lists"):
        load_board("x")


def test_a_users_own_file(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(GOOD | {"name": "Mine", "clock_mhz": 125}))
    assert load_board(path).clock_mhz == 125
    assert load_board(str(path)).name == "Mine"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clock_mhz": 0}, "clock_mhz: Input should be greater than 0, not 0"),
        ({"axi_bits": 100}, "axi_bits: Input should be 32, 64 or 128, not 100"),
        ({"volts": 1}, "volts: Extra inputs are not permitted, not 1"),
        ({"family": "xcup"}, "family xcup does not belong to part xc7z020clg400-1, which is xc7"),
        ({"part": "xcvc1902-vsva2197-2MP-e-S"}, "part xcvc1902-vsva2197-2MP-e-S is of no known"),
        ({"part": "xc6slx45-csg324-2"}, "part xc6slx45-csg324-2 is of no known family"),
        ({"part": "xcku040-ffva1156-2-e"}, "part xcku040-ffva1156-2-e is of no known family"),
        ({"part": "xcku5p-ffvb676-2-e"}, "family xc7 does not belong to part xcku5p"),
        ({"part": "xc7; exec rm"}, "part: String should match pattern"),
        ({"name": "../up"}, "name: String should match pattern"),
        ({"sources": []}, "sources: Tuple should have at least 1 item"),
        (
            {"resources": GOOD["resources"] | {"LUT": None}},
            "resources.LUT: Input should be a valid integer, not None",
        ),
        (
            {"resources": {k: v for k, v in GOOD["resources"].items() if k != "DSP"}},
            "resources.DSP: Field required",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_malformed_file_is_told_field_and_rule(tmp_path, change, told) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(GOOD | change))
    with pytest.raises(BoardError) as caught:
        load_board(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "is not valid YAML"),
        ("- a\n- b\n", "must be a mapping of keys to values, not list"),
        ("", "Field required"),
        ("!!python/object/apply:os.system ['touch owned']", "is not valid YAML"),
    ],
    ids=["broken", "list", "empty", "python object"],
)
def test_what_is_no_board_at_all(tmp_path, monkeypatch, text, told) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(BoardError, match=told):
        load_board(path)
    assert not (tmp_path / "owned").exists()


def test_a_missing_file(tmp_path) -> None:
    with pytest.raises(BoardError, match=r"none\.yaml: cannot be read \(No such file"):
        load_board(tmp_path / "none.yaml")


def test_schema_in_step_with_the_model() -> None:
    path = shipped("boards") / "board.schema.json"
    assert json.loads(path.read_text()) == board_schema(), "run `make schema`"


def test_board_round_trips_through_json() -> None:
    board = load_board("ZCU104")
    assert Board.model_validate_json(board.model_dump_json()) == board
