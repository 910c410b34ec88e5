"""How fast the driver packs and unpacks, against FINN's data packing.

Prints JSON: megabytes of stream data in DMA memory per second, each way, on one core; with the same
frames through FINN's Python packing as its PYNQ driver uses it, and the ratio. Bytes are those that
the DMA moves, the driver's own layout for the driver and FINN's for FINN; the ratio is of times.

``pack`` goes from the accelerator's integers to a DMA buffer, ``quantize`` from the model's reals
(float32, channels first as in PyTorch) to integers, ``unpack`` from a DMA buffer to integers,
``scale`` from integers to the model's reals (float64, a scale for each channel).

    OMP_NUM_THREADS=1 python benchmarks/driver.py
"""

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from time import perf_counter

import numpy as np
from finn.util.data_packing import finnpy_to_packed_bytearray, packed_bytearray_to_finnpy
from qonnx.core.datatype import DataType as QonnxType

from hwsubnet.artifacts import HostAffine
from hwsubnet.boards import load_board
from hwsubnet.build.interface import interface_of
from hwsubnet.driver import to_integers, to_reals
from hwsubnet.kernels import DataType, KernelGraph, Stream

CASES = {
    "UINT8 28x28x1, 1 element a word": ("UINT8", (28, 28, 1), 1),
    "UINT8 32x32x3, 3 elements a word": ("UINT8", (32, 32, 3), 3),
    "INT4 16x16x8, 4 elements a word": ("INT4", (16, 16, 8), 4),
    "INT15 10, 1 element a word": ("INT15", (10,), 1),
    "INT21 16x16x16, 16 elements a word": ("INT21", (16, 16, 16), 16),
}


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call, after one that is not measured."""
    work()
    times = []
    for _ in range(repeats):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return statistics.median(times)


def measure(
    datatype: str, shape: tuple[int, ...], parallel: int, board: str, megabytes: float, repeats: int
) -> dict[str, float]:
    """Measure one kind of stream."""
    stream = Stream("t", DataType.parse(datatype), shape, parallel)
    graph = KernelGraph((), (stream,), (stream,))
    deep = len(shape) == 3
    host = HostAffine(datatype=datatype, shape=(1, *shape), scale=(1 / 255,))
    source = host.model_copy(update={"transpose": (0, 2, 3, 1) if deep else None})
    scales = tuple(np.linspace(0.5, 1.5, shape[-1]))
    sink = host.model_copy(
        update={"transpose": (0, 3, 1, 2) if deep else None, "scale": scales, "bias": scales}
    )
    interface = interface_of("net", load_board(board), 100, 1e6, graph, source, sink)
    side, leaving = interface.input, interface.output
    frames = max(1, int(megabytes * 1e6 / side.row_bytes))
    rng = np.random.default_rng(0)
    low, high = side.units.low, side.units.high
    integers = rng.integers(low, high, (frames, *shape), endpoint=True).astype(side.dtype)
    reals = (side.units.scale[0] * integers).astype(np.float32)
    reals = np.ascontiguousarray(np.moveaxis(reals, -1, 1))
    values = np.empty((frames, *shape))
    buffer = np.zeros(frames * side.row_bytes, dtype=np.uint8)
    size = buffer.nbytes / 1e6
    found = {
        "frames": frames,
        "megabytes": size,
        "pack_mb_s": size / seconds(lambda: side.pack(integers, buffer), repeats),
        "unpack_mb_s": size / seconds(lambda: side.unpack(buffer, frames), repeats),
        "quantize_and_pack_mb_s": size
        / seconds(lambda: side.pack(to_integers(reals, side.units, side.dtype), buffer), repeats),
        "unpack_and_scale_mb_s": size
        / seconds(lambda: to_reals(side.unpack(buffer, frames), leaving.units, values), repeats),
    }
    assert np.array_equal(side.unpack(buffer, frames), integers)
    few = max(1, frames // 50)  # FINN's takes long
    folded = (few, stream.words, parallel)
    theirs = integers[:few].reshape(folded).astype(np.float32)
    kind = QonnxType[datatype]
    flags = {"reverse_inner": True, "reverse_endian": True}
    packed = finnpy_to_packed_bytearray(theirs, kind, **flags)
    finn_pack = seconds(lambda: finnpy_to_packed_bytearray(theirs, kind, **flags), 3)
    finn_unpack = seconds(lambda: packed_bytearray_to_finnpy(packed, kind, folded, **flags), 3)
    return found | {
        "finn_pack_mb_s": packed.nbytes / 1e6 / finn_pack,
        "finn_unpack_mb_s": packed.nbytes / 1e6 / finn_unpack,
        "times_faster_pack": finn_pack / few / (size / found["pack_mb_s"] / frames),
        "times_faster_unpack": finn_unpack / few / (size / found["unpack_mb_s"] / frames),
    }


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="Pynq-Z2")
    parser.add_argument("--megabytes", type=float, default=1.0, help="of a DMA buffer")
    parser.add_argument("--repeats", type=int, default=21)
    given = parser.parse_args()
    results = {
        name: measure(*case, given.board, given.megabytes, given.repeats)
        for name, case in CASES.items()
    }
    print(
        json.dumps(
            {
                "board": given.board,
                "machine": platform.processor() or platform.machine(),
                "numpy": np.__version__,
                "results": results,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
