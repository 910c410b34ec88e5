"""ROMs in LUTs: they hold what they shall, take what the rule says, and can be placed."""

import subprocess
import sys

import numpy as np
import pytest
from support.synthesis import verilog

from hwsubnet.estimate.calibration.memory import memory, table
from hwsubnet.synth.primitives import count
from hwsubnet.synth.roms import Column, build, columns

DEPTHS = [2, 3, 7, 20, 33, 64, 65, 96, 128, 129, 180, 200, 256, 257, 300, 512, 700, 1100, 2048]


class Cells:
    """A netlist that is evaluated for all addresses at once, as it is made."""

    def __init__(self, bits: int) -> None:
        addresses = np.arange(1 << bits)
        self.address = [addresses >> bit & 1 for bit in range(bits)]
        self.made: dict[int, str] = {}
        self.kinds: list[str] = []
        self.keep: list[np.ndarray] = []

    def emit(self, kind: str, contents: int | None, inputs: list[np.ndarray]) -> np.ndarray:
        if contents is None:
            first, second, select = inputs
            below = "LUT" if kind == "MUXF7" else "MUXF7"
            assert all(self.made[id(net)].startswith(below) for net in (first, second))
            value = np.where(select, second, first)
        else:
            assert kind == f"LUT{len(inputs)}"
            index = sum(net << place for place, net in enumerate(inputs))
            values = np.array([contents >> place & 1 for place in range(1 << len(inputs))])
            value = values[index]
        self.made[id(value)] = kind
        self.kinds.append(kind)
        self.keep.append(value)
        return value

    @property
    def luts(self) -> int:
        return sum(kind.startswith("LUT") for kind in self.kinds)


def random_words(depth: int, width: int, seed: int, values: str = "01") -> list[str]:
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(values), width)) for _ in range(depth)]


def address_bits(depth: int) -> int:
    return max(1, (depth - 1).bit_length())


@pytest.mark.parametrize("values", ["01", "01x", "0001"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_cells_give_the_contents_of_every_word(depth, values):
    words = random_words(depth, 3, depth, values)
    bits = address_bits(depth)
    for place, column in enumerate(columns(words, bits)):
        cells = Cells(bits)
        found = build(column, cells.address, cells.emit) if column.inputs else column.ones
        for address, word in enumerate(words):
            expected = word[-1 - place]
            value = found[address] if column.inputs else found
            assert expected in ("x", str(value)), (address, place)


@pytest.mark.parametrize("depth", [20, 33, 64, 96, 128, 180, 200, 256, 300, 512, 700])
def test_random_bits_take_what_the_rule_says(depth):
    width, made = 4, 0
    for column in columns(random_words(depth, width, 1), address_bits(depth)):
        cells = Cells(address_bits(depth))
        build(column, cells.address, cells.emit)
        made += cells.luts
    ones = np.ones(1)
    rom = memory(width * ones, depth * ones, "none", "xc7")
    assert table(rom, width * ones, depth * ones).luts[0] == pytest.approx(made, abs=0.01)


@pytest.mark.parametrize(("depth", "width"), [(2, 6), (3, 5), (4, 16), (8, 24)])
def test_few_words_take_what_the_rule_says_on_average(depth, width):
    luts, kept, runs = 0, 0, 300
    for seed in range(runs):
        different = {
            column
            for column in columns(random_words(depth, width, seed), address_bits(depth))
            if column.inputs
        }
        cells = Cells(address_bits(depth))
        for column in different:
            build(column, cells.address, cells.emit)
        luts, kept = luts + cells.luts, kept + len(different)
    ones = np.ones(1)
    said = table(memory(width * ones, depth * ones, "none", "xc7"), width * ones, depth * ones)
    assert said.distinct[0] == pytest.approx(kept / runs, rel=0.05)
    assert said.luts[0] == pytest.approx(luts / runs, rel=0.1, abs=0.3)


def test_inputs_on_which_nothing_depends_are_left_out():
    constant, copies, unknown = columns(["x01", "x01", "x11", "x11"], 2)
    assert constant == Column(1, 1, ())
    assert copies == Column(0b10, 0b11, (1,))
    assert unknown == Column(0, 0, ())
    cells = Cells(2)
    assert build(copies, cells.address, cells.emit) is cells.address[1]
    assert not cells.kinds, "a bit of the address needs no LUT"


ROM = """
module kit(input clk, input enable, input [{high}:0] address, output logic [{top}:0] q);
    logic [{top}:0] words [{depth}];
    initial $readmemh("data/words.hex", words);
    always_ff @(posedge clk) if (enable) q <= words[address < {depth} ? address : 0];
endmodule
"""


def rom(depth: int, width: int, seed: int = 0) -> tuple[str, str]:
    """A module, and the file of its contents."""
    text = ROM.format(high=address_bits(depth) - 1, top=width - 1, depth=depth)
    words = random_words(depth, width, seed)
    return text, "".join(f"{int(word, 2):x}\n" for word in words)


@pytest.mark.parametrize("family", ["xc7", pytest.param("xcup", marks=pytest.mark.slow)])
def test_yosys_is_given_the_mapped_rom(cells, family):
    depth, width = 180, 12
    text, words = rom(depth, width)
    found = count(cells(verilog(text, {"data/words.hex": words}), family))
    assert 3 * width < found.lut_logic <= 3 * width + 16, "and the address"
    assert found.ff == width


PROOF = """
from pyosys import libyosys
from hwsubnet.synth.roms import map_roms

design = libyosys.Design()
def run(*commands):
    for command in commands:
        libyosys.run_pass(command, design)

run("read_slang --top kit kit.sv", "hierarchy -top kit", "proc", "opt", "memory -nomap",
    "opt_clean", "copy kit mapped", "setattr -mod -unset top kit")
map_roms(design)
run("select -assert-none mapped/t:$mem_v2", "select -assert-any kit/t:$mem_v2",
    "techmap -map +/xilinx/cells_sim.v mapped", "memory_map kit",
    "miter -equiv -flatten kit mapped proof", "hierarchy -top proof",
    "sat -verify -seq 3 -prove-skip 1 -set-at 1 in_enable 1 -prove trigger 0 proof")
"""


@pytest.mark.parametrize(
    ("depth", "width"), [(2, 5), (3, 6), (70, 3), (150, 3), (300, 2), (700, 1)]
)
def test_a_mapped_rom_is_proven_equal(tmp_path, depth, width):
    text, words = rom(depth, width, seed=2)
    (tmp_path / "data").mkdir()
    (tmp_path / "kit.sv").write_text(text)
    (tmp_path / "data" / "words.hex").write_text(words)
    ran = subprocess.run(
        [sys.executable, "-c", PROOF], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-2000:]
    assert "SAT proof finished - no model found: SUCCESS!" in ran.stdout
