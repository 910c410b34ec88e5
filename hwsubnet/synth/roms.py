"""ROMs that do not become block RAM, mapped to LUTs as Vivado maps them.

Yosys makes a tree of multiplexers of each, which ABC takes apart and shares in parts, until they
need three to four times the LUTs that 64 words to a LUT would take. So each bit of a word is mapped
here, as a function of the address: a LUT6 for each 64 words, MUXF7 and MUXF8 up to 256 words, LUTs
that choose between blocks of 256 beyond. Bits that are equal in every word are one, bits that never
change are constant, and address bits on which nothing depends are left out.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

_LUT, _WIDE = 6, 8
"""Address bits of a LUT, and of LUTs behind MUXF7 and MUXF8."""
_TWO, _FOUR = 0xCA, sum((i >> (i >> 4) & 1) << i for i in range(64))
"""Tables of LUTs whose last inputs choose between the first two or four."""

Emit = Callable[[str, int | None, Sequence[Any]], Any]
"""Makes a cell of a type, with a table if it is a LUT, and nets at its inputs; returns its net."""


class Column(NamedTuple):
    """A bit of every word, as a function of address bits.

    Bit `a` of `ones` is its value at address `a` if bit `a` of `known` is set. Where that is not
    set any value does; `ones` has 0 there.
    """

    ones: int
    known: int
    inputs: tuple[int, ...]
    """Address bits, the lowest first."""

    def simplified(self) -> "Column":
        """Return the function without the inputs on which it does not depend."""
        column = self
        for place in reversed(range(len(self.inputs))):
            column = column._without(place) or column
        return column

    def _without(self, place: int) -> "Column | None":
        """Return the function without an input, or None if it depends on it."""
        step, ones, known = 1 << place, 0, 0
        mask = (1 << step) - 1
        for block in range(1 << (len(self.inputs) - 1 - place)):
            low, high = 2 * block * step, (2 * block + 1) * step
            both = (self.known >> low) & (self.known >> high) & mask
            if ((self.ones >> low) ^ (self.ones >> high)) & both:
                return None
            ones |= ((self.ones >> low | self.ones >> high) & mask) << block * step
            known |= ((self.known >> low | self.known >> high) & mask) << block * step
        return Column(ones, known, self.inputs[:place] + self.inputs[place + 1 :])

    def halves(self) -> tuple["Column", "Column"]:
        """Return the functions for the uppermost input at 0 and at 1."""
        half = 1 << len(self.inputs) - 1
        mask = (1 << half) - 1
        low = Column(self.ones & mask, self.known & mask, self.inputs[:-1])
        return low, Column(self.ones >> half, self.known >> half, self.inputs[:-1])


def columns(words: Sequence[str], bits: int) -> list[Column]:
    """Return the bits of a ROM's words, the lowest first, without needless inputs.

    Parameters
    ----------
    words
        For the addresses from 0 on, of characters ``0``, ``1`` and ``x``, the uppermost bit first.
    bits
        Of the address.
    """
    found = []
    for values in zip(*(word[::-1] for word in words), strict=True):
        upward = "".join(values)[::-1]
        ones = int(upward.replace("x", "0"), 2)
        known = int(upward.replace("0", "1").replace("x", "0"), 2)
        found.append(Column(ones, known, tuple(range(bits))).simplified())
    return found


def build(column: Column, address: Sequence[Any], emit: Emit) -> Any:
    """Make the cells of a column that is not constant, and return its net.

    Parameters
    ----------
    column
        The function.
    address
        Nets of the address, the lowest bit first.
    emit
        Makes a cell.
    """
    inputs = [address[bit] for bit in column.inputs]
    if len(inputs) == 1 and column.ones == 0b10:
        return inputs[0]
    return _build(column, inputs, emit)


def _build(column: Column, inputs: Sequence[Any], emit: Emit) -> Any:
    """Make the cells of a function, a LUT at least."""
    if len(inputs) <= _LUT:
        least = column.simplified()
        nets = [net for bit, net in zip(column.inputs, inputs, strict=True) if bit in least.inputs]
        if nets:
            return emit(f"LUT{len(nets)}", least.ones, nets)
        return emit("LUT1", 0b11 * least.ones, inputs[:1])
    low, high = column.halves()
    *rest, select = inputs
    if len(inputs) <= _WIDE and all(map(_varies, _leaves(column))):
        # Only a LUT can feed a MUXF7, and only a MUXF7 a MUXF8.
        first = _build(low, rest, emit)
        second = _build(high, rest, emit) if high.known else first
        return emit(f"MUXF{len(inputs)}", None, [first, second, select])
    if len(inputs) <= _WIDE + 1:
        if not _varies(high):
            table = 0b1110 if high.ones else 0b0010
            return emit("LUT2", table, [_block(low, rest, emit), select])
        return emit("LUT3", _TWO, [_block(low, rest, emit), _block(high, rest, emit), select])
    *rest, under = rest
    four: list[Any] = []
    for quarter in (*low.halves(), *high.halves()):
        four.append(_block(quarter, rest, emit) if quarter.known else four[-1])
    return emit("LUT6", _FOUR, [*four, under, select])


def _varies(column: Column) -> bool:
    return bool(column.simplified().inputs)


def _leaves(column: Column) -> list[Column]:
    """Return what the LUTs of a function would be, as far as there are words."""
    if len(column.inputs) <= _LUT:
        return [column]
    return [leaf for half in column.halves() if half.known for leaf in _leaves(half)]


def _block(column: Column, inputs: Sequence[Any], emit: Emit) -> Any:
    """Make the cells of a function without the inputs that only choose words that are not there."""
    while len(inputs) > _LUT and not column.halves()[1].known:
        column, inputs = column.halves()[0], inputs[:-1]
    return _build(column, inputs, emit)


def map_roms(design: Any) -> None:
    """Replace the ROMs of a design's top module, as Yosys has them, by LUTs and registers.

    A read port with resets or a start value stays, for Yosys to map.
    """
    from pyosys import libyosys as ys

    module = design.top_module()
    for cell in list(module.cells_.values()):
        if cell.type.str() == "$mem_v2" and _is_plain(cell, ys):
            _Rom(ys, module, cell).replace()


def _is_plain(cell: Any, ys: Any) -> bool:
    def parameter(name: str) -> Any:
        return cell.getParam(ys.IdString(f"\\{name}"))

    return (
        parameter("WR_PORTS").as_int() == 0
        and parameter("RD_PORTS").as_int() > 0
        and not any(
            "1" in parameter(name).as_string()
            for name in ("RD_WIDE_CONTINUATION", "RD_ARST_VALUE", "RD_SRST_VALUE", "OFFSET")
        )
        and not set("01") & set(parameter("RD_INIT_VALUE").as_string())
        and all(
            cell.getPort(ys.IdString(f"\\{name}")).is_fully_zero()
            for name in ("RD_ARST", "RD_SRST")
        )
    )


class _Rom:
    """One memory cell that is never written."""

    def __init__(self, ys: Any, module: Any, cell: Any) -> None:
        self.ys, self.module, self.cell = ys, module, cell

    def replace(self) -> None:
        """Put LUTs in the place of the cell."""
        number = {
            name: self._parameter(name).as_int() for name in ("ABITS", "SIZE", "WIDTH", "RD_PORTS")
        }
        bits, width = number["ABITS"], number["WIDTH"]
        contents = self._parameter("INIT").as_string()
        rows = [contents[end - width : end] for end in range(len(contents), 0, -width)]
        functions = columns(rows[: number["SIZE"]], bits)
        for port in range(number["RD_PORTS"]):
            self._port(port, functions, bits, width)
        self.module.remove(self.cell)

    def _port(self, port: int, functions: Sequence[Column], bits: int, width: int) -> None:
        """Make what one address reads."""
        ys, module = self.ys, self.module
        where = self._net("RD_ADDR").extract(port * bits, bits)
        address = [where.extract(bit, 1) for bit in range(bits)]
        distinct = list(dict.fromkeys(each for each in functions if each.inputs))
        word = ys.SigSpec()
        for each in distinct:
            word.append(build(each, address, self._emit))
        if distinct and self._flag("RD_CLK_ENABLE", port):
            kept = ys.SigSpec(module.addWire(self._name("q"), len(distinct)))
            module.addDffe(
                self._name("word"),
                self._net("RD_CLK").extract(port, 1),
                self._net("RD_EN").extract(port, 1),
                word,
                kept,
                self._flag("RD_CLK_POLARITY", port),
                True,
            )
            word = kept
        place = {each: index for index, each in enumerate(distinct)}
        out = ys.SigSpec()
        for each in functions:
            constant = ys.SigSpec(ys.State.S1 if each.ones else ys.State.S0, 1)
            out.append(word.extract(place[each], 1) if each.inputs else constant)
        module.connect(self._net("RD_DATA").extract(port * width, width), out)

    def _emit(self, kind: str, table: int | None, inputs: Sequence[Any]) -> Any:
        ys = self.ys
        cell = self.module.addCell(self._name(kind), ys.IdString(f"\\{kind}"))
        names = [f"I{index}" for index in range(len(inputs))]
        if table is None:
            names[-1] = "S"
        else:
            contents = format(table, f"0{1 << len(inputs)}b")
            cell.setParam(ys.IdString("\\INIT"), ys.Const.from_string(contents))
        for name, net in zip(names, inputs, strict=True):
            cell.setPort(ys.IdString(f"\\{name}"), net)
        out = ys.SigSpec(self.module.addWire(self._name("o"), 1))
        cell.setPort(ys.IdString("\\O"), out)
        return out

    def _name(self, hint: str) -> Any:
        return self.module.uniquify(self.ys.IdString(f"$rom${hint}"))

    def _parameter(self, name: str) -> Any:
        return self.cell.getParam(self.ys.IdString(f"\\{name}"))

    def _net(self, name: str) -> Any:
        return self.cell.getPort(self.ys.IdString(f"\\{name}"))

    def _flag(self, name: str, port: int) -> bool:
        return bool(self._parameter(name).as_string()[-1 - port] == "1")
