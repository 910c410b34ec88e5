"""Golden = C++: what the cosim test of every kernel shares.

A test module names its legal parameter sets in ``CASES`` (id -> node) and faults of its header in
``MUTATIONS`` (the id of a case that must catch it, old text, new text), and imports the tests of
`cpp_cosim`.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.cosim import Compile, graph_of_one

from hwsubnet.emit.cpp import emit_cpp
from hwsubnet.kernels import Node, make_kernel
from hwsubnet.resources import shipped
from hwsubnet.simulate.cppsim import CppSimulator, compile_cpp

SHARED = ("activation.hpp", "product.hpp")
"""Headers of matrix units and thresholds, where a mutation may also lie."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", list(metafunc.module.CASES))
    if "mutation" in metafunc.fixturenames:
        mutations = metafunc.module.MUTATIONS
        metafunc.parametrize("mutation", mutations, ids=[f"{o} -> {n}" for _, o, n in mutations])


@pytest.fixture(scope="session")
def compile_nodes(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compile single-kernel accelerators, by id, into one executable."""
    folder = tmp_path_factory.mktemp("cpp")

    def compile_(nodes: Mapping[str, Node], **options: Any) -> CppSimulator:
        tops = {f"top_{name}": graph_of_one(node) for name, node in nodes.items()}
        return compile_cpp(emit_cpp(tops), tops, folder, optimize=False, **options)

    return compile_


@pytest.fixture(scope="module")
def compiled(request: pytest.FixtureRequest, compile_nodes: Compile) -> CppSimulator:
    """All CASES of the module, in the simulation's reading of the types."""
    return compile_nodes(request.module.CASES)


@pytest.fixture
def mutated_hls(
    request: pytest.FixtureRequest, tmp_path: Path, mutation: tuple[str, str, str]
) -> Path:
    """A copy of ``hls/`` with one text of the kernel replaced."""
    case, old, new = mutation
    hls = tmp_path / "hls"
    shutil.copytree(shipped("hls"), hls)
    own = make_kernel(request.module.CASES[case]).header
    texts = {name: (hls / "include" / name).read_text() for name in (own, *SHARED)}
    header = next((name for name, text in texts.items() if old in text), None)
    assert header is not None, f"{own} no longer holds {old!r}"
    (hls / "include" / header).write_text(texts[header].replace(old, new))
    return hls
