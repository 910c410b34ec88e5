"""The slowest path through a synthesized netlist: an estimate before placement and routing.

A path leads from a register or an input, through cells, to a register or an output::

    ns = clock to output + sum over cells (net + cell) + net + setup

A net costs ``net * (1 + log2(fanout) / 8)``; inside a slice (a carry's chain and its S inputs, a
wide multiplexer's inputs, a LUT or carry before its own flip-flop) it costs nothing. The cells'
numbers are round ones of the middle of each family's range (data sheets DS187 for 7-series at
speed grade -1, DS925 for UltraScale+ at -1). Real nets depend on placement: the estimate is there
to find the worst node and to compare two designs, not to promise a clock.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any, Literal, NamedTuple

from hwsubnet.artifacts import LogicPath
from hwsubnet.errors import ToolError
from hwsubnet.synth.primitives import Kind, primitive

Family = Literal["xc7", "xcup"]


@dataclass(frozen=True)
class Delays:
    """A family's delays in ns."""

    net: float
    lut: float
    mux: float
    carry_entry: float
    """From S, DI or CYINIT to any output."""
    carry_through: float
    """From CI to any output."""
    ff_out: float
    ff_setup: float
    lutram_out: float
    """Clock to output of LUTRAM and shift registers; their read address takes `lut`."""
    lutram_setup: float
    ram_out: float
    """Block and Ultra RAM without output register."""
    ram_register_out: float
    ram_setup: float
    dsp_preadd: float
    dsp_multiply: float
    dsp_add: float
    dsp_out: float
    dsp_setup: float


DELAYS: Mapping[Family, Delays] = {
    "xc7": Delays(
        net=0.60,
        lut=0.12,
        mux=0.25,
        carry_entry=0.50,
        carry_through=0.12,
        ff_out=0.50,
        ff_setup=0.06,
        lutram_out=1.30,
        lutram_setup=0.40,
        ram_out=2.45,
        ram_register_out=0.90,
        ram_setup=0.55,
        dsp_preadd=1.10,
        dsp_multiply=1.90,
        dsp_add=1.60,
        dsp_out=0.45,
        dsp_setup=0.40,
    ),
    "xcup": Delays(
        net=0.30,
        lut=0.10,
        mux=0.10,
        carry_entry=0.20,
        carry_through=0.03,
        ff_out=0.09,
        ff_setup=0.03,
        lutram_out=0.55,
        lutram_setup=0.15,
        ram_out=1.10,
        ram_register_out=0.35,
        ram_setup=0.35,
        dsp_preadd=0.55,
        dsp_multiply=0.85,
        dsp_add=0.75,
        dsp_out=0.25,
        dsp_setup=0.25,
    ),
}

_CLOCKS = {"C", "CLK", "WCLK", "CLKARDCLK", "CLKBWRCLK", "G"}
_WRITE_SIDE = {"WE", "CE", "D"}  # of LUTRAM and shift registers, besides their data DI*
_DSP_REGISTERS = {"A": "AREG", "B": "BREG", "C": "CREG", "D": "DREG"}

Bit = int


class _Arrival(NamedTuple):
    """The latest path to a bit."""

    ns: float
    levels: int
    start: str


@dataclass(frozen=True)
class _Cell:
    kind: Kind
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Sequence[Bit]]
    outputs: Mapping[str, Sequence[Bit]]
    source: str
    """File and line, where known."""

    def number(self, parameter: str, default: int) -> int:
        value = self.parameters.get(parameter, default)
        if value in {"TRUE", "FALSE"}:
            return int(value == "TRUE")
        return int(value, 2) if isinstance(value, str) else int(value)


def slowest_path(module: Mapping[str, Any], family: Family) -> LogicPath:
    """Find the slowest path of a flat netlist.

    Parameters
    ----------
    module
        The module in the form of Yosys's ``write_json``.
    family
        Whose delays count.

    Raises
    ------
    ToolError
        If a cell is not known, or combinational logic forms a loop.
    """
    return _Analysis(module, DELAYS[family]).run()


class _Analysis:
    def __init__(self, module: Mapping[str, Any], delays: Delays) -> None:
        self.delays = delays
        self.cells = [_cell(cell) for cell in module["cells"].values() if is_hardware(cell["type"])]
        self.ports = module["ports"]
        self.names = _bit_names(module["netnames"])
        self.fanout: dict[Bit, int] = defaultdict(int)
        self.driver: dict[Bit, Kind] = {}
        for cell in self.cells:
            for bit in _bits(cell.inputs):
                self.fanout[bit] += 1
            for bit in _bits(cell.outputs):
                self.driver[bit] = cell.kind
        for bit in self._port_bits("output"):
            self.fanout[bit] += 1
        self.arrivals: dict[Bit, _Arrival] = {}

    def run(self) -> LogicPath:
        for bit in self._port_bits("input"):
            self.arrivals[bit] = _Arrival(0.0, 0, self.names.get(bit, "?"))
        for cell in self.cells:
            self._launch(cell)
        self._propagate()
        worst, end = _Arrival(0.0, 0, "-"), "-"
        for bit in self._port_bits("output"):
            leaving = self.arrivals.get(bit)
            if leaving is not None and leaving.ns > worst.ns:
                worst, end = leaving, self.names.get(bit, "?")
        for cell in self.cells:
            for pin, bits in cell.inputs.items():
                setup = self._setup(cell, pin)
                if setup is None:
                    continue
                for bit in bits:
                    arrival = self._at(bit, cell, pin)
                    if arrival is not None and arrival.ns + setup > worst.ns:
                        worst, end = arrival._replace(ns=arrival.ns + setup), self._name(cell)
        return LogicPath(levels=worst.levels, ns=round(worst.ns, 3), start=worst.start, end=end)

    def _launch(self, cell: _Cell) -> None:
        """Set when a sequential cell's outputs change after the clock."""
        out = self._clock_to_out(cell)
        if out is None:
            return
        for bit in _bits(cell.outputs):
            self.arrivals[bit] = _Arrival(out, 0, self.names.get(bit, cell.source))

    def _propagate(self) -> None:
        """Carry arrivals through combinational arcs, each cell after those that feed it."""
        waiting: dict[int, int] = {}
        readers: dict[Bit, list[int]] = defaultdict(list)
        produced = {
            bit
            for cell in self.cells
            if any(self._through(cell, pin) is not None for pin in cell.inputs)
            for bit in _bits(cell.outputs)
        }
        ready = []
        for index, cell in enumerate(self.cells):
            pins = [pin for pin in cell.inputs if self._through(cell, pin) is not None]
            if not pins:
                continue
            sources = [bit for pin in pins for bit in cell.inputs[pin] if bit in produced]
            waiting[index] = len(sources)
            for bit in sources:
                readers[bit].append(index)
            if not sources:
                ready.append(index)
        while ready:
            index = ready.pop()
            cell = self.cells[index]
            del waiting[index]
            self._evaluate(cell)
            for bit in _bits(cell.outputs):
                for reader in readers[bit]:
                    waiting[reader] -= 1
                    if not waiting[reader]:
                        ready.append(reader)
        if waiting:
            raise ToolError(
                f"combinational logic forms a loop through "
                f"{self._name(self.cells[next(iter(waiting))])!r}"
            )

    def _evaluate(self, cell: _Cell) -> None:
        worst: _Arrival | None = None
        for pin, bits in cell.inputs.items():
            delay = self._through(cell, pin)
            if delay is None:
                continue
            for bit in bits:
                arrival = self._at(bit, cell, pin)
                if arrival is not None and (worst is None or arrival.ns + delay > worst.ns):
                    worst = _Arrival(arrival.ns + delay, arrival.levels + 1, arrival.start)
        if worst is None:
            return
        for bit in _bits(cell.outputs):
            known = self.arrivals.get(bit)
            if known is None or worst.ns > known.ns:
                self.arrivals[bit] = worst

    def _at(self, bit: Bit, cell: _Cell, pin: str) -> _Arrival | None:
        """Return the arrival at a cell's pin, its net included."""
        arrival = self.arrivals.get(bit)
        if arrival is None:
            return None
        return arrival._replace(ns=arrival.ns + self._net(bit, cell, pin))

    def _net(self, bit: Bit, cell: _Cell, pin: str) -> float:
        inside = (
            (cell.kind == "carry" and pin in {"CI", "S"})
            or (cell.kind == "mux" and pin != "S")
            or (
                cell.kind == "ff"
                and pin == "D"
                and self.fanout[bit] == 1
                and self.driver.get(bit) in {"lut", "mux", "carry"}
            )
        )
        return 0.0 if inside else self.delays.net * (1 + log2(self.fanout[bit]) / 8)

    def _clock_to_out(self, cell: _Cell) -> float | None:
        delays = self.delays
        match cell.kind:
            case "ff":
                return delays.ff_out
            case "lutram" | "srl":
                return delays.lutram_out
            case "bram" | "uram":
                names = ("DOA_REG", "DOB_REG", "OREG_A", "OREG_B")
                registered = any(cell.number(name, 0) for name in names)
                return delays.ram_register_out if registered else delays.ram_out
            case "dsp":
                if cell.number("PREG", 1):
                    return delays.dsp_out
                if cell.number("MREG", 1):
                    return delays.dsp_out + delays.dsp_add
                if any(cell.number(name, 1) for name in _DSP_REGISTERS.values()):
                    return delays.dsp_out + delays.dsp_multiply + delays.dsp_add
        return None

    def _setup(self, cell: _Cell, pin: str) -> float | None:
        """Return the setup time of a registered pin; ``None`` for clocks and combinational pins."""
        delays = self.delays
        if pin in _CLOCKS:
            return None
        match cell.kind:
            case "ff":
                return delays.ff_setup
            case "lutram" | "srl":
                written = pin in _WRITE_SIDE or pin.startswith("DI")
                return delays.lutram_setup if written else None
            case "bram" | "uram":
                return delays.ram_setup
            case "dsp":
                return self._dsp_setup(cell, pin)
        return None

    def _dsp_setup(self, cell: _Cell, pin: str) -> float | None:
        delays = self.delays
        register = _DSP_REGISTERS.get(pin)
        if register is None or cell.number(register, 1):
            return delays.dsp_setup
        before = delays.dsp_setup
        if pin in {"A", "D"} and self._preadds(cell):
            before += delays.dsp_preadd
            if cell.number("ADREG", 1):
                return before
        if pin != "C":
            before += delays.dsp_multiply
            if cell.number("MREG", 1):
                return before
        return before + delays.dsp_add if cell.number("PREG", 1) else None

    def _preadds(self, cell: _Cell) -> bool:
        selected = cell.parameters.get("USE_DPORT"), cell.parameters.get("AMULTSEL")
        return selected[0] == "TRUE" or selected[1] == "AD"

    def _through(self, cell: _Cell, pin: str) -> float | None:
        """Return the delay from a pin to the outputs; ``None`` if a register lies between."""
        delays = self.delays
        match cell.kind:
            case "lut":
                return delays.lut
            case "mux":
                return delays.mux
            case "carry":
                return delays.carry_through if pin == "CI" else delays.carry_entry
            case "lutram" | "srl":
                return delays.lut if pin not in _CLOCKS and self._setup(cell, pin) is None else None
            case "dsp":
                if pin in _DSP_REGISTERS and self._dsp_setup(cell, pin) is None:
                    return delays.dsp_preadd + delays.dsp_multiply + delays.dsp_add
        return None

    def _name(self, cell: _Cell) -> str:
        """Name a cell by what it drives, or by where it comes from."""
        named = (self.names[bit] for bit in _bits(cell.outputs) if bit in self.names)
        return next(named, cell.source)

    def _port_bits(self, direction: str) -> Iterator[Bit]:
        for port in self.ports.values():
            if port["direction"] == direction:
                yield from (bit for bit in port["bits"] if isinstance(bit, int))


def is_hardware(cell_type: str) -> bool:
    """Say whether a netlist's cell is more than a note about where others came from."""
    return cell_type != "$scopeinfo"


def _cell(cell: Mapping[str, Any]) -> _Cell:
    sides: dict[str, dict[str, list[Bit]]] = {"input": {}, "output": {}, "inout": {}}
    for pin, bits in cell["connections"].items():
        wires = [bit for bit in bits if isinstance(bit, int)]  # the others are constants
        sides[cell["port_directions"][pin]][pin] = wires
    # Beside the sources' lines there are those of Yosys's own library, whose paths are absolute.
    lines = cell.get("attributes", {}).get("src", "").split("|")
    source = next((line for line in lines if line and not line.startswith("/")), "?")
    return _Cell(
        kind=primitive(cell["type"]).kind,
        parameters=cell.get("parameters", {}),
        inputs=sides["input"],
        outputs=sides["output"],
        source=source,
    )


def _bits(pins: Mapping[str, Sequence[Bit]]) -> Iterator[Bit]:
    for bits in pins.values():
        yield from bits


def _bit_names(netnames: Mapping[str, Any]) -> dict[Bit, str]:
    """Name the bits that have a name in the sources."""
    names: dict[Bit, str] = {}
    for name, net in netnames.items():
        if not net.get("hide_name", 0):
            for index, bit in enumerate(net["bits"]):
                if isinstance(bit, int):
                    names.setdefault(bit, f"{name}[{index}]" if index else name)
    return names
