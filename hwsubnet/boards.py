"""Boards: what an FPGA part holds and how fast its fabric is clocked.

One YAML file a board in ``boards/``; a user's own file of the same form works by path. The form is
`Board`; ``boards/board.schema.json`` is that model's JSON Schema, for editors (`make schema`).
"""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from hwsubnet.artifacts import Record, Resources
from hwsubnet.config import explain, read_yaml
from hwsubnet.errors import BoardError
from hwsubnet.resources import shipped

_PARTS = {"xc7": r"xc7[avkzs]", "xcup": r"xc(zu|k\d|u\d|[kva]u\d+p)"}
"""How names of each family's parts begin: 7-series; Zynq, Kria, Alveo, and Kintex, Virtex and Artix
UltraScale+. Versal, older ones and UltraScale without + are of none."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]
Count = Annotated[int, Field(ge=0, le=10**8)]


class PartTotals(Resources):
    """All primitives of a part. Unlike an estimate, a total is always known."""

    LUT: Annotated[Count, Field(gt=0)]
    FF: Annotated[Count, Field(gt=0)]
    BRAM18: Count
    """18 Kbit halves: twice the number of 36 Kbit blocks."""
    URAM: Count
    DSP: Count


class Board(Record):
    """A board, its part, and the clock at which its numbers are given."""

    name: Name
    aliases: tuple[Name, ...] = ()
    """Other names that users know it by, such as FINN's."""
    part: str = Field(pattern=r"^xc[A-Za-z0-9-]{4,38}$")
    """Vivado's name, with package, speed and temperature grade."""
    family: Literal["xc7", "xcup"]
    """Yosys's ``synth_xilinx -family``: 7-series, or UltraScale+."""
    clock_mhz: float = Field(gt=0, le=1000)
    """Default clock of the accelerator."""
    axi_bits: Literal[32, 64, 128]
    """Width of the processing system's high-performance AXI port."""
    resources: PartTotals
    sources: tuple[str, ...] = Field(min_length=1)
    """Where the totals come from: data sheet or board page, by title."""

    @model_validator(mode="after")
    def _family_of_part(self) -> Self:
        known = [family for family, name in _PARTS.items() if re.match(name, self.part)]
        if not known:
            raise ValueError(f"part {self.part} is of no known family (7-series, UltraScale+)")
        if self.family not in known:
            raise ValueError(
                f"family {self.family} does not belong to part {self.part}, which is {known[0]}"
            )
        return self

    def utilization(self, used: Resources) -> dict[str, float | None]:
        """Return the share of the part that is used, by resource.

        ``None`` where the use is unknown, or the part has none of it.
        """
        shares: dict[str, float | None] = {}
        for name, count in used:
            held = getattr(self.resources, name)
            shares[name] = count / held if count is not None and held else None
        return shares

    def fits(self, used: Resources) -> bool:
        """Say whether the part holds what is used, every resource of which is known."""
        return all(count <= getattr(self.resources, name) for name, count in used)


def known_boards() -> list[str]:
    """Names of the boards that ship with hwsubnet, as FINN and PYNQ users write them."""
    return sorted((path.stem for path in shipped("boards").glob("*.yaml")), key=str.casefold)


def load_board(name_or_path: str | Path) -> Board:
    """Read a board by name (case, ``-``, ``_`` and spaces do not matter) or from a YAML file.

    Parameters
    ----------
    name_or_path
        A name or alias of a shipped board, or the path of a file ending in ``.yaml`` or ``.yml``.

    Raises
    ------
    BoardError
        If no board has that name (with the nearest names), or the file breaks a rule (with the
        field and the rule).
    """
    if Path(name_or_path).suffix.lower() in {".yaml", ".yml"}:
        return _read(Path(name_or_path))
    boards = [_read(shipped("boards") / f"{name}.yaml") for name in known_boards()]
    by_key = {_key(name): board for board in boards for name in (board.name, *board.aliases)}
    wanted = _key(str(name_or_path))
    if wanted in by_key:
        return by_key[wanted]
    near = dict.fromkeys(by_key[key].name for key in difflib.get_close_matches(wanted, by_key))
    raise BoardError(
        f"there is no board {str(name_or_path)!r}",
        fix=(f"did you mean {' or '.join(near)}? " if near else "")
        + "`hwsubnet boards` lists them all, and the path of a YAML file describes another",
    )


def board_schema() -> dict[str, Any]:
    """Return the JSON Schema of a board file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Board.model_json_schema()


def _key(name: str) -> str:
    return "".join(character for character in name.casefold() if character not in "-_ ")


def _read(path: Path) -> Board:
    try:
        return Board.model_validate(read_yaml(path, BoardError))
    except ValidationError as error:
        raise BoardError(
            explain(error), where=path, fix="boards/board.schema.json describes the form"
        ) from error
