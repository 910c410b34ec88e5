"""The accelerator as one C++ function that chains kernels through streams.

The generated files compile with g++ for cppsim and are what Vitis HLS would synthesize. Names from
a model never reach the code: streams and arrays are numbered, and comments are sanitized.
"""

import re
from collections.abc import Mapping

from hwsubnet.errors import BadInput
from hwsubnet.kernels import CppArray, CppCall, KernelGraph, Stream
from hwsubnet.kernels.transport import convert, copy

_FIFO_DEPTH = 32
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LICENSE = "// SPDX-License-Identifier: Apache-2.0"


def emit_cpp(tops: Mapping[str, KernelGraph]) -> dict[str, str]:
    """Return C++ files, by name, of one or more accelerators and their test bench.

    Parameters
    ----------
    tops
        Accelerators by the name of their top function.

    Returns
    -------
    dict
        Per top ``<top>.hpp``, ``<top>.cpp`` and ``<top>_parameters.hpp``; one ``testbench.cpp``,
        run as ``testbench TOP FRAMES INPUT... OUTPUT...`` with a file of raw integers per stream.

    Raises
    ------
    BadInput
        If a top's name is no C identifier.
    """
    files: dict[str, str] = {}
    for top, graph in tops.items():
        if not _IDENTIFIER.fullmatch(top):
            raise BadInput(
                f"{top!r} is not a name that C++ accepts", fix="choose letters and digits"
            )
        files |= _Top(top, graph).files()
    return files | {"testbench.cpp": _testbench(tops)}


class _Top:
    """Writes one top function."""

    def __init__(self, name: str, graph: KernelGraph) -> None:
        self.name, self.graph = name, graph
        self.arrays: list[str] = []
        self.headers: set[str] = set()
        self.declarations: list[str] = []
        self.calls: list[str] = []
        self.variables: dict[str, str] = {}
        """The variable that carries a tensor, in the width that its writer gives it."""

    def files(self) -> dict[str, str]:
        for index, stream in enumerate(self.graph.inputs):
            self.variables[stream.tensor] = f"in{index}"
        ports = {stream.tensor: f"out{i}" for i, stream in enumerate(self.graph.outputs)}
        written = {stream.tensor: stream for stream in self.graph.inputs}
        for index, kernel in enumerate(self.graph.kernels):
            self.calls.append(f"    // {_comment(kernel.op)} {_comment(kernel.name)}")
            sources = [self._read(written[stream.tensor], stream) for stream in kernel.inputs]
            written |= {stream.tensor: stream for stream in kernel.outputs}
            call = kernel.cpp()
            if call is None and kernel.outputs[0].tensor not in ports:  # a plain stream
                self.variables[kernel.outputs[0].tensor] = sources[0]
                continue
            if call is None:
                call = copy(kernel.outputs[0])
            targets = []
            for stream in kernel.outputs:
                port = ports.get(stream.tensor)
                target = port or self._declare(stream.cpp_word)
                self.variables[stream.tensor] = target
                targets.append(target)
            self._call(call, f"k{index}", [*sources, *targets])
        return {
            f"{self.name}_parameters.hpp": self._parameters(),
            f"{self.name}.hpp": self._header(),
            f"{self.name}.cpp": self._source(),
        }

    def _declare(self, word: str) -> str:
        variable = f"s{len(self.declarations)}"
        self.declarations.append(
            f'    static stream<{word}> {variable}("{variable}");\n'
            f"#pragma HLS STREAM variable = {variable} depth = {_FIFO_DEPTH}"
        )
        return variable

    def _read(self, written: Stream, read: Stream) -> str:
        """Return the variable that the reader takes, through a width converter if need be."""
        source = self.variables[read.tensor]
        if written.parallel == read.parallel:
            return source
        target = self._declare(read.cpp_word)
        call = convert(read.datatype, read.elements, written.parallel, read.parallel)
        self._call(call, "", [source, target])
        return target

    def _call(self, call: CppCall, prefix: str, arguments: list[str]) -> None:
        self.headers.add(call.header)
        for number, array in enumerate(call.arrays):
            name = f"{self.name}_{prefix}_{number}"
            self.arrays.append(_array(name, array))
            arguments.append(name)
        self.calls.append(f"    {call.function}({', '.join(arguments)});")

    def _signature(self) -> str:
        ports = [
            *(f"stream<{s.cpp_word}>& in{i}" for i, s in enumerate(self.graph.inputs)),
            *(f"stream<{s.cpp_word}>& out{i}" for i, s in enumerate(self.graph.outputs)),
        ]
        return f"void {self.name}({', '.join(ports)})"

    def _parameters(self) -> str:
        return _file('#pragma once\n\n#include "types.hpp"', *self.arrays)

    def _header(self) -> str:
        return _file('#pragma once\n\n#include "types.hpp"', f"{self._signature()};")

    def _source(self) -> str:
        includes = [f"{self.name}.hpp", *sorted(self.headers), f"{self.name}_parameters.hpp"]
        ports = [*(f"in{i}" for i in range(len(self.graph.inputs)))]
        ports += [f"out{i}" for i in range(len(self.graph.outputs))]
        lines = [
            f"{self._signature()} {{",
            *(f"#pragma HLS INTERFACE axis port = {port}" for port in ports),
            *(f"#pragma HLS aggregate variable = {port} compact = bit" for port in ports),
            "#pragma HLS INTERFACE ap_ctrl_none port = return",
            "#pragma HLS DATAFLOW",
            *self.declarations,
            *self.calls,
            "}",
        ]
        return _file("\n".join(f'#include "{name}"' for name in includes), "\n".join(lines))


def _testbench(tops: Mapping[str, KernelGraph]) -> str:
    runs, choices = [], []
    for top, graph in tops.items():
        lines = [f"void run_{top}(std::size_t frames, char** files) {{"]
        ports: list[str] = []
        feeds, drains, writes = [], [], []
        for index, stream in enumerate((*graph.inputs, *graph.outputs)):
            given = index < len(graph.inputs)
            port = f"in{index}" if given else f"out{index - len(graph.inputs)}"
            container, elements = stream.datatype.cpp_container, stream.elements
            ports.append(port)
            lines.append(f'    stream<{stream.cpp_word}> {port}("{port}");')
            bounds = f"{stream.words}, first, frames"
            if given:
                data = f"read_elements<{container}>(files[{index}], frames * {elements})"
                lines.append(f"    const auto {port}_data = {data};")
                feeds.append(f"        feed({port}, {port}_data, {bounds});")
            else:
                lines.append(f"    std::vector<{container}> {port}_data(frames * {elements});")
                drains.append(f"        drain({port}, {port}_data, {bounds});")
                writes.append(f"    write_elements(files[{index}], {port}_data);")
        lines += [
            "    for (std::size_t first = 0; first < frames; first += LANES) {",
            *feeds,
            f"        {top}({', '.join(ports)});",
            *drains,
            "    }",
            *writes,
            "}",
        ]
        runs.append("\n".join(lines))
        files = len(graph.inputs) + len(graph.outputs)
        choices.append(f'    if (top == "{top}" && argc == {3 + files}) run = run_{top};')
    main = "\n".join(
        [
            "int main(int argc, char** argv) {",
            "    using namespace hwsubnet;",
            '    const std::string top = argc > 2 ? argv[1] : "";',
            "    void (*run)(std::size_t, char**) = nullptr;",
            *choices,
            "    if (!run) return 2;",
            "    run(std::strtoull(argv[2], nullptr, 10), argv + 3);",
            "}",
        ]
    )
    # One translation unit compiles faster than several, and lets kernels inline.
    includes = ["#include <string>", '#include "testbench.hpp"']
    includes += [f'#include "{top}.cpp"' for top in tops]
    return _file("\n".join(includes), *runs) + f"\n{main}\n"


def _array(name: str, array: CppArray) -> str:
    shape = "".join(f"[{size}]" for size in array.codes.shape)
    rows = array.codes.reshape(-1, array.codes.shape[-1]).tolist()
    # Braces around inner dimensions may be left out; without them large arrays parse faster.
    body = ",\n".join(",".join(map(str, row)) for row in rows)
    return f"const {array.datatype.cpp_constant} {name}{shape} = {{\n{body}}};"


def _file(head: str, *parts: str) -> str:
    body = "\n\n".join(parts)
    return f"{_LICENSE}\n{head}\n\nnamespace hwsubnet {{\n\n{body}\n\n}}  // namespace hwsubnet\n"


def _comment(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)
