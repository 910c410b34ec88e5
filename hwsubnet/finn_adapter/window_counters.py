"""Counters of FINN's window generator for frames of one or two words.

When it writes the generator's RTL, FINN 1.6.1 takes a logarithm of the most that a counter counts
to, which is 0 there, and stops. The result is a placeholder that the RTL does not use.
"""

import math
from types import SimpleNamespace


def mend() -> None:
    """Let FINN reckon with 0 bits for a counter that does not count."""
    from finn.custom_op.fpgadataflow.rtl import convolutioninputgenerator_rtl as generator

    generator.math = SimpleNamespace(ceil=math.ceil, log2=lambda value: math.log2(max(value, 1)))
