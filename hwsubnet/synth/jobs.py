"""What is synthesized: modules of a build folder, cut down to the files that decide the result.

A job is a closed set of texts. A node's own name is taken out of them, so that two nodes that are
the same hardware are the same job, whatever they are called and whichever network they are in.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from hwsubnet.artifacts import RtlDesign, RtlEdge, digest
from hwsubnet.errors import OutputError

EDGE = "stream_edge"
"""The module of ``hls/rtl`` that lies between two nodes."""

_UNIT = "unit"  # takes the place of a node's name
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DEFINITION = re.compile(
    r"^[ \t]*(?:module|package|interface)\s+(?:automatic\s+|static\s+)?(\w+)", re.MULTILINE
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_STRING = re.compile(r'"([^"\n]*)"')
_EDGE_INSTANCE = re.compile(rf"^\s*{EDGE} #\((.*)\) \w+ \($", re.MULTILINE)
_PARAMETER = re.compile(r"\.(\w+)\(([^()]*)\)")


@dataclass(frozen=True)
class Job:
    """One synthesis.

    Parameters
    ----------
    name, op
        What it is the synthesis of, as in `SynthesizedPart`; they do not change the result.
    top
        The module.
    sources
        Texts by path, in the order of compilation.
    memories
        Texts of memory contents by path.
    parameters
        Of the top module, as SystemVerilog literals.
    """

    name: str
    op: str
    top: str
    sources: Mapping[str, str]
    memories: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def content(self) -> str:
        """Digest of all that decides the result, apart from tool and part."""
        return digest(
            self.top,
            list(self.sources.items()),
            sorted(self.memories.items()),
            sorted(self.parameters.items()),
        )

    @property
    def size(self) -> int:
        """Characters: a hint at how long it takes."""
        return sum(len(text) for text in (*self.sources.values(), *self.memories.values()))


class Sources:
    """A build folder's texts, and which of them a module needs."""

    def __init__(self, design: RtlDesign, folder: Path) -> None:
        self.design = design
        self.texts = {file.path: _read(folder / file.path) for file in design.sources}
        self.memories = {file.path: _read(folder / file.path) for file in design.memories}
        bare = {path: _COMMENT.sub("", text) for path, text in self.texts.items()}
        self._definitions = {path: _DEFINITION.findall(text) for path, text in bare.items()}
        self._words = {path: set(_WORD.findall(text)) for path, text in bare.items()}
        self._strings = {path: set(_STRING.findall(text)) for path, text in bare.items()}

    def whole(self) -> Job:
        """Return the stitched design."""
        top = self.design.top
        return Job(top, "design", top, *self._closure(top))

    def node(self, name: str, op: str) -> Job:
        """Return one node, without its name in it."""
        top = self.design.modules[name]
        texts, memories = self._closure(top)
        own = re.compile(rf"\b{re.escape(top.removesuffix('_node'))}(?![A-Za-z0-9])")
        sources = {}
        for path, text in texts.items():
            if any(own.match(module) for module in self._definitions[path]):
                sources[own.sub(_UNIT, path)] = own.sub(_UNIT, text)
            else:  # a library's file, which knows no nodes
                sources[path] = text
        renamed = {own.sub(_UNIT, path): text for path, text in memories.items()}
        return Job(name, op, own.sub(_UNIT, top), sources, renamed)

    def edges(self) -> tuple[Job, ...]:
        """Return the streams between the nodes, as the top module has them.

        Raises
        ------
        OutputError
            If the top module does not have what the design's record says.
        """
        path = next(path for path, names in self._definitions.items() if self.design.top in names)
        found = {}
        for match in _EDGE_INSTANCE.finditer(self.texts[path]):
            parameters = dict(_PARAMETER.findall(match[1]))
            found[parameters.pop("ID", None)] = parameters
        if set(found) != {str(number) for number in range(len(self.design.edges))}:
            raise OutputError(
                f"has {len(found)} streams, but {RtlDesign.stem}.json names "
                f"{len(self.design.edges)}",
                where=path,
                fix="emit the design again",
            )
        return tuple(
            self.edge(edge.tensor, found[str(number)])
            for number, edge in enumerate(self.design.edges)
            if not _is_wire(edge, found[str(number)])
        )

    def edge(self, name: str, parameters: Mapping[str, str]) -> Job:
        """Return a stream with such parameters, whether the design has it or not."""
        return Job(name, EDGE, EDGE, *self._closure(EDGE), parameters)

    def _closure(self, top: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the files that `top` needs, in the order of compilation, and its memories."""
        defined_in = {
            module: path for path, modules in self._definitions.items() for module in modules
        }
        if top not in defined_in:
            raise OutputError(
                f"no source of the design defines module {top!r}", fix="emit the design again"
            )
        needed: set[str] = set()
        waiting = [defined_in[top]]
        while waiting:
            path = waiting.pop()
            if path not in needed:
                needed.add(path)
                waiting += [defined_in[word] for word in self._words[path] if word in defined_in]
        sources = {path: text for path, text in self.texts.items() if path in needed}
        named = {string for path in needed for string in self._strings[path]}
        memories = {path: text for path, text in self.memories.items() if _is_named(path, named)}
        return sources, memories


def _is_wire(edge: RtlEdge, parameters: Mapping[str, str]) -> bool:
    return edge.depth == 0 and parameters["IWIDTH"] == parameters["OWIDTH"]


def _is_named(memory: str, strings: Iterable[str]) -> bool:
    """Say whether sources name a memory, in full or, with numbers to follow, by its beginning."""
    folder = f"{PurePosixPath(memory).parent}/"
    return any(string.startswith(folder) and memory.startswith(string) for string in strings)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError("cannot be read", where=path, fix="emit the design again") from error
