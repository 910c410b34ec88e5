"""Adder trees: how many bits of adders and of registers a sum of many operands takes."""

from functools import lru_cache

from hwsubnet.estimate.calibration.structure import Numbers, per_value


@lru_cache(maxsize=4096)
def _loads(operands: int) -> tuple[int, ...]:
    """Return how many operands each node of FINN's tree adds up, the root first, leaves last."""
    loads = [1] * (2 * operands - 1)
    for index in reversed(range(operands - 1)):
        loads[index] = loads[2 * index + 1] + loads[2 * index + 2]
    return tuple(loads)


def _clog2(value: int) -> int:
    return max(value - 1, 0).bit_length()


@lru_cache(maxsize=4096)
def _unsigned(operands: int, bits: int, limit: int) -> tuple[float, float]:
    loads, levels = _loads(operands), _clog2(operands)
    widths = [_clog2(load) + bits for load in loads]
    # The uppermost bit is the carry, which takes no LUT.
    adders = sum(min(width - 1, limit) for width in widths[: operands - 1])
    registers = sum(min(width, limit) for width in widths[: max(2**levels - 1, 1)])
    return float(adders), float(registers)


@lru_cache(maxsize=4096)
def _signed(operands: int) -> tuple[float, float]:
    loads, levels = _loads(operands), _clog2(operands)
    widths = [load.bit_length() + 1 for load in loads]
    if operands == 1:
        return 0.0, 0.0
    return float(sum(widths[: operands - 1])), float(sum(widths[1 : 2**levels - 1]))


@lru_cache(maxsize=4096)
def _own(operands: int, bits: int, limit: int) -> tuple[float, float, float]:
    """Count two levels at a time, which lie between registers: up to four operands become one."""
    adders, compressors, registers, count = 0, 0, 0, operands
    for level in range(0, _clog2(operands), 2):
        levels = min(2, _clog2(operands) - level)
        whole, rest = divmod(count, 2**levels)
        width = min(bits + level + levels - 1, limit)
        for group, times in ((2**levels, whole), (rest, 1)):
            if group:
                adders += times * width * (group > 1)
                compressors += times * width * max(group - 2, 0)
                registers += times * min(bits + level + (levels if group > 1 else 0), limit)
        count = whole + (rest > 0)
    return float(adders), float(compressors), float(registers)


def unsigned_tree(operands: Numbers, bits: int, limit: int) -> Numbers:
    """Return bits of adders and of registers of FINN's ``add_multi`` over unsigned operands.

    It registers every level; a single operand is delayed by one register.

    Parameters
    ----------
    operands
        How many.
    bits
        Of an operand.
    limit
        Bits of the sum that are used.

    Returns
    -------
    Numbers
        Shape (2, len(operands)).
    """
    return per_value(lambda n: _unsigned(n, bits, limit), operands)


def signed_tree(operands: Numbers) -> Numbers:
    """Return the same over operands of -1, 0 and 1, without a register behind the root."""
    return per_value(_signed, operands)


def own_tree(operands: Numbers, bits: int, limit: int) -> Numbers:
    """Return bits of adders, of full adders before them, and of registers of ``adder_tree.sv``.

    It registers every second level; of the up to four operands between registers, all but two are
    added up without carry chains.

    Parameters
    ----------
    operands, bits, limit
        As of `unsigned_tree`.

    Returns
    -------
    Numbers
        Shape (3, len(operands)).
    """
    return per_value(lambda n: _own(n, bits, limit), operands)
