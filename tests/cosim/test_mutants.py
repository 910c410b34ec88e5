"""No kernel goes without a fault that its bench has to find."""

from importlib import import_module

import pytest

from hwsubnet.kernels.registry import KERNELS

HEADERS = sorted({kernel.header for kernel in KERNELS.values()} - {"types.hpp"})
"""Of the kernels in C++; a FIFO is a stream of the types' header, and computes nothing. For the
RTL, ``test_rtl_kernels`` says the same."""


@pytest.mark.parametrize("header", HEADERS)
def test_every_kernel_in_cpp_has_mutants(header: str) -> None:
    module = import_module(f"test_{header.removesuffix('.hpp')}_cosim")
    assert module.MUTATIONS
    assert module.test_mutated_kernel_is_caught
