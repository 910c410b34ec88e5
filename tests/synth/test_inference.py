"""Rewrites of finn-rtllib that make Yosys infer what Vivado infers: each still needed, and enough.

They change no behaviour (the simulations say so), so what they are for shows in the cells alone.
"""

import pytest

from hwsubnet.finn_adapter.staging import RULES, stage, upstream
from hwsubnet.synth.jobs import Job
from hwsubnet.synth.primitives import count

MEMORY, QUEUE, THRESHOLDS = (
    "memstream/hdl/memstream.sv",
    "fifo/hdl/fifo.sv",
    "thresholding/hdl/thresholding.sv",
)
DATA = {
    MEMORY: {"data/w.dat": "".join(f"{(index * 97) % 251:02x}\n" for index in range(64))},
    QUEUE: {},
    THRESHOLDS: {
        f"data/t_threshs_{pe}_{stage}.dat": "".join(
            f"{(2 * index + 1) * 128 // 2**stage + pe:02x}\n" for index in range(2**stage)
        )
        for pe in range(2)
        for stage in range(4)
    },
}
PARAMETERS = {
    MEMORY: {
        "SETS": "1", "DEPTH": "64", "WIDTH": "8", "INIT_FILE": '"data/w.dat"',
        "RAM_STYLE": '"block"',
    },
    QUEUE: {"DEPTH": "40", "DATA_WIDTH": "4", "RAM_STYLE": '"block"'},
    THRESHOLDS: {
        "K": "8", "N": "15", "C": "2", "PE": "2", "SIGNED": "0", "USE_CONFIG": "0",
        "THRESHOLDS_PATH": '"data/t_"',
    },
}  # fmt: skip
TOPS = {MEMORY: "memstream", QUEUE: "fifo", THRESHOLDS: "thresholding"}


def without_style(file: str) -> str:
    """The staged file but for the rule about memory styles, or about the queue."""
    text = upstream(file)
    for rule in RULES:
        if rule.file == file and rule.readers:
            text = rule.apply(text)
    return text


@pytest.fixture
def found(cells):
    def run(file: str, text: str):
        job = Job(file, "test", TOPS[file], {"module.sv": text}, DATA[file], PARAMETERS[file])
        return count(cells(job))

    return run


@pytest.mark.parametrize("file", [MEMORY, QUEUE])
def test_memories_are_of_the_style_that_was_asked_for(found, file):
    assert found(file, stage(file)).bram18 == 1
    assert found(file, without_style(file)).bram18 == 0, "remove the rule"


def test_the_queue_of_thresholds_is_a_shift_register(found):
    queue = 2 * 4  # bits that leave at a time: one SRL each
    assert found(THRESHOLDS, stage(THRESHOLDS)).lut_memory == queue
    before = found(THRESHOLDS, without_style(THRESHOLDS))
    assert before.lut_memory != queue, "Yosys sees the queue by itself: remove the rule"
