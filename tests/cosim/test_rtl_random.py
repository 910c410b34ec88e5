"""Golden = RTL for random legal parameter sets of every kernel; the long lane."""

from collections.abc import Callable

import numpy as np
import pytest
from rtl_bench import build, instance
from rtl_cases import own
from test_accumulate_pool_cosim import accumulate_pool
from test_concat_cosim import concat
from test_duplicate_streams_cosim import duplicate_streams
from test_elementwise_cosim import elementwise
from test_label_select_cosim import label_select
from test_matrix_vector_cosim import matrix_vector
from test_pixel_padding_cosim import pixel_padding
from test_pool_cosim import pool
from test_upsample_cosim import upsample
from test_vector_vector_cosim import vector_vector

from hwsubnet.kernels import DataType, Node

SEED = 20260
SETS = 12  # of each kernel
TRAFFIC = ((0, 0), (70, 0), (0, 70), (30, 30))


class Draw(np.random.Generator):
    """Draws what parameters are made of; widths include primes."""

    def number(self, low: int, high: int) -> int:
        return int(self.integers(low, high, endpoint=True))

    def pair(self, low: int, high: int) -> tuple[int, int]:
        return self.number(low, high), self.number(low, high)

    def divisor(self, number: int) -> int:
        return int(self.choice([d for d in range(1, number + 1) if number % d == 0]))

    def fold(self, high: int = 12) -> tuple[int, int]:
        """Return a width and one of its divisors."""
        width = self.number(1, high)
        return width, self.divisor(width)

    def type(self, high: int = 8, *, signed: bool | None = None) -> str:
        sign = bool(self.integers(2)) if signed is None else signed
        return f"{'' if sign else 'U'}INT{self.number(1 + sign, high)}"


def _concat(draw: Draw) -> Node:
    simd, count = draw.number(1, 4), draw.number(1, 5)
    return concat(
        tuple(simd * draw.number(1, 4) for _ in range(count)),
        tuple(draw.type() for _ in range(count)),
        simd,
    )


def _elementwise(draw: Draw) -> Node:
    channels, pe = draw.fold()
    constant = [None, (1,), (channels,), (1, 2, 3, channels)][draw.number(0, 3)]
    operation = str(draw.choice(["Add", "Sub", "Mul", "Max"]))
    side = str(draw.choice(["lhs", "rhs"]))
    return elementwise(
        operation, draw.type(), draw.type(), channels, pe, constant, constant_side=side
    )


def _label_select(draw: Draw) -> Node:
    labels, pe = draw.fold(24)
    return label_select(labels, draw.number(1, min(labels, 6)), pe, draw.type(12))


def _operands(draw: Draw) -> tuple[str, str, str | None]:
    source = str(draw.choice(["BIPOLAR", draw.type(), draw.type()]))
    weight = str(draw.choice(["BIPOLAR", draw.type(signed=True), draw.type(signed=True)]))
    target = str(draw.choice(["", "", "BIPOLAR", f"UINT{draw.number(1, 4)}"]))
    return source, weight, target or None


def _matrix_vector(draw: Draw) -> Node:
    (columns, simd), (rows, pe) = draw.fold(70), draw.fold(12)
    return matrix_vector(*_operands(draw), columns, rows, simd, pe)


def _vector_vector(draw: Draw) -> Node:
    (channels, pe), kernel = draw.fold(), draw.pair(1, 4)
    simd = draw.divisor(kernel[0] * kernel[1])
    return vector_vector(*_operands(draw), channels, kernel, pe, simd)


def _pool(draw: Draw) -> Node:
    (channels, pe), kernel = draw.fold(), draw.pair(1, 4)
    source = draw.type()
    datatype = DataType.parse(source)
    match draw.number(0, 2):
        case 0:
            return pool("MaxPool", source, source, channels, kernel, pe)
        case 1:
            terms = kernel[0] * kernel[1]
            total = DataType.holding(terms * datatype.min, terms * datatype.max)
            return pool("AccPool", source, total.name, channels, kernel, pe)
        case _:
            return pool("QuantAvgPool", source, source, channels, kernel, pe)


MAKERS: dict[str, Callable[[Draw], Node]] = {
    "accumulate_pool": lambda draw: accumulate_pool(draw.pair(1, 6), *draw.fold(), draw.type()),
    "concat": _concat,
    "duplicate_streams": lambda d: duplicate_streams(d.number(1, 5), *d.fold(), d.type()),
    "elementwise": _elementwise,
    "label_select": _label_select,
    "matrix_vector": _matrix_vector,
    "pixel_padding": lambda d: pixel_padding(d.pair(1, 5), d.pair(1, 4), *d.fold(), d.type()),
    "pool": _pool,
    "upsample": lambda draw: upsample(draw.pair(1, 5), draw.pair(1, 4), *draw.fold(), draw.type()),
    "vector_vector": _vector_vector,
}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", MAKERS)
def test_random_parameters(kernel: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    draw = Draw(np.random.PCG64([SEED, list(MAKERS).index(kernel)]))
    instances = [instance(f"{kernel}_{i}", own(MAKERS[kernel](draw))) for i in range(SETS)]
    bench = build(instances, tmp_path_factory.mktemp(kernel))
    for pause_in, pause_out in TRAFFIC:
        results = bench.run(pause_in, pause_out, seed=SEED)
        for one in instances:
            sinks = results[one.kernel.name]
            assert len(sinks) == len(one.kernel.outputs)
            assert all(sink.right for sink in sinks), (one.rtl, pause_in, pause_out, SEED)
            if (pause_in, pause_out) == (0, 0):
                assert {sink.period for sink in sinks} == {one.kernel.cycles}, one.rtl
