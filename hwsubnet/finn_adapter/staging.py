"""Portable copies of finn-rtllib's modules.

finn-rtllib is written for Vivado. Verilator and Yosys's slang front end stop at a few of its
constructs; each :class:`Rule` rewrites one of them, without changing what the module does, and
fails loudly when a new release of FINN no longer contains the text that it expects. Three rules
mend faults that simulation found.
"""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Literal

from hwsubnet.errors import ToolError

Reader = Literal["verilator", "slang"]


@dataclass(frozen=True)
class Rule:
    """One rewrite of one file.

    Parameters
    ----------
    name
        What it is called in error messages.
    file
        Path inside finn-rtllib; also of a template that FINN makes a node's own file of.
    edits
        Pairs of expected text and its replacement; each text is expected once.
    readers
        The tools that do not read the file as it is; none: it is read, but Yosys does not infer
        the memory or shift register that is meant, and that Vivado infers, or the module is wrong.
    why
        The construct they stop at or miss, or the fault.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    readers: tuple[Reader, ...]
    why: str

    def apply(self, text: str) -> str:
        """Return `text` rewritten.

        Raises
        ------
        ToolError
            If the expected text is not there exactly once.
        """
        for old, new in self.edits:
            if text.count(old) != 1:
                raise ToolError(
                    f"rewrite {self.name!r} no longer fits {self.file} of "
                    f"finn-plus {version('finn-plus')}: expected {old.strip().splitlines()[0]!r} "
                    f"once, found it {text.count(old)} times",
                    fix="install the finn-plus version that pyproject.toml pins",
                )
            text = text.replace(old, new)
        return text


WINDOW_TEMPLATE = "swg/swg_template_default.sv"
"""What windows that come word by word are made of."""

_LEAF_LOADS = """\
		typedef int unsigned  leaf_load_t[2*N-1];
		function leaf_load_t init_leaf_loads();
			automatic leaf_load_t  res;
			for(int unsigned  i = 2*N-1; i-- > N-1;)  res[i] = 1;
			for(int unsigned  i =   N-1; i-- >   0;)  res[i] = res[2*i+1] + res[2*i+2];
			return  res;
		endfunction : init_leaf_loads
"""
_LEVELS = "	localparam int unsigned  L = $clog2(N);  // Number of levels with reductions\n"
_LINE_START = "logic [WIDTH-1:0] Out_reg;\nassign shift_out = Out_reg;\n"
_LINE_END = "endmodule : swg_ram_buffer"
_SHORT_LINES = """\
if (DEPTH == 0) begin : genWire
    assign shift_out = shift_in;
end
else if (DEPTH == 1) begin : genRegister
    logic [WIDTH-1:0] Word;
    assign shift_out = Word;
    always_ff @(posedge clk) if (shift_enable) Word <= shift_in;
end
else begin : genRam
"""
_UPPER_STYLE, _LOWER_STYLE = "(* RAM_STYLE = RAM_STYLE *)", "(* ram_style = RAM_STYLE *)"
_STYLE = "Yosys knows the attribute in lower case only, and else chooses the memory by itself"

RULES: tuple[Rule, ...] = (
    Rule(
        name="adder tree's constant function",
        file="mvu/add_multi.sv",
        edits=((_LEAF_LOADS, ""), (_LEVELS, _LEAF_LOADS + _LEVELS)),
        readers=("verilator", "slang"),
        why="a constant expression calls a function that is declared inside a generate block",
    ),
    Rule(
        name="FIFO's address split",
        file="fifo/hdl/fifo.sv",
        edits=(
            (
                "	typedef struct {\n		int unsigned  lo;",
                "	typedef struct packed {\n		int unsigned  lo;",
            ),
        ),
        readers=("verilator",),
        why="a constant function returns an unpacked struct",
    ),
    Rule(
        name="FIFO's net types",
        file="fifo/hdl/fifo.sv",
        edits=(("`default_nettype none\n", ""), ("`default_nettype wire\n", "")),
        readers=("slang",),
        why="a compiler directive stands inside the module's body",
    ),
    Rule(
        name="width converter's net types",
        file="dwc/hdl/vpc.sv",
        edits=(("`default_nettype none\n", ""), ("`default_nettype wire\n", "")),
        readers=("slang",),
        why="a compiler directive stands inside the module's body",
    ),
    Rule(
        name="start-up watchdog",
        file="mvu/mvu.sv",
        edits=(
            (
                "	if(1) begin : blkRecoveryWatch\n",
                "`ifndef SYNTHESIS\n	if(1) begin : blkRecoveryWatch\n",
            ),
            ("			Dirty <= 0;\n", "			Dirty = 0;\n"),
            ("	end : blkRecoveryWatch\n", "	end : blkRecoveryWatch\n`endif\n"),
        ),
        readers=("slang",),
        why="an initial block assigns without blocking, after a delay",
    ),
    Rule(
        name="matrix unit's output queue",
        file="mvu/mvu_vvu_axi.sv",
        edits=(
            (
                "	localparam int unsigned  MAX_IN_FLIGHT = CORE_PIPELINE_DEPTH;\n",
                "	localparam int unsigned  MAX_IN_FLIGHT = CORE_PIPELINE_DEPTH + 2;\n",
            ),
        ),
        readers=(),
        why="where SIMD = MW, a result may come in every cycle, and a receiver that pauses makes "
        "the queue overflow: results are lost. When the lock that stops the input is set, one "
        "result waits already; and for some SIMD the core is a stage deeper than the constant",
    ),
    Rule(
        name="line buffer's shortest lengths",
        file="swg/swg_common.sv",
        edits=(
            (_LINE_START, _SHORT_LINES + _LINE_START),
            (_LINE_END, f"end\n{_LINE_END}"),
        ),
        readers=(),
        why="between two rows of a window given at once, as wide as its map or one pixel less, lie "
        "no words or one; the buffer still delays by one word or two",
    ),
    Rule(
        name="window generator's last word",
        file=WINDOW_TEMPLATE,
        edits=(
            (
                "((~Newest_buffered_elem & (LAST_READ_ELEM-2)) == 0) && !ReadingLast && "
                "!Newest_buffered_elem[$left(Newest_buffered_elem)];",
                "(LAST_READ_ELEM == 1? Newest_buffered_elem[$left(Newest_buffered_elem)] : "
                "((~Newest_buffered_elem & (LAST_READ_ELEM-2)) == 0) && !ReadingLast && "
                "!Newest_buffered_elem[$left(Newest_buffered_elem)]);",
            ),
        ),
        readers=(),
        why="where a frame has two words, the second is never the last, and the node stops",
    ),
    Rule(
        name="threshold scope",
        file="thresholding/hdl/thresholding.sv",
        edits=(
            (
                "p.ptr[M-1:SN+1] < 2**stage - SCOPE_REDUCE;",
                "(p.ptr[M-1:0] >> (SN+1)) < 2**stage - SCOPE_REDUCE;",
            ),
        ),
        readers=("slang",),
        why="a part-select is reversed at stage 0, where it is not used",
    ),
    Rule(
        name="threshold queue",
        file="thresholding/hdl/thresholding.sv",
        edits=(
            (
                "				foreach(pipe[pe])  ADat[0][pe] <= pipe[pe][M].ptr;\n",
                "				foreach(pipe[pe])  head[pe] = pipe[pe][M].ptr;\n",
            ),
            (
                "				for(int unsigned  i = 1; i < A_DEPTH; i++)"
                "  ADat[i] <= ADat[i-1];\n",
                "				ADat <= { head, ADat[0:A_DEPTH-2] };\n",
            ),
            (
                "			if(aload) begin\n				assert(APtr",
                "			if(aload) begin\n"
                "				automatic logic [PE-1:0][M-1:0]  head;\n"
                "				assert(APtr",
            ),
        ),
        readers=(),
        why="written element by element, Yosys takes it for a memory with as many write ports",
    ),
    Rule(
        name="weight memory's style",
        file="memstream/hdl/memstream.sv",
        edits=((_UPPER_STYLE, _LOWER_STYLE),),
        readers=(),
        why=_STYLE,
    ),
    Rule(
        name="threshold memory's style",
        file="thresholding/hdl/thresholding.sv",
        edits=(
            (_UPPER_STYLE, _LOWER_STYLE),
            ('"FALSE", RAM_STYLE = RAM_STYLE *)', '"FALSE", ram_style = RAM_STYLE *)'),
        ),
        readers=(),
        why=_STYLE,
    ),
    Rule(
        name="FIFO memory's style",
        file="fifo/hdl/fifo.sv",
        edits=tuple(
            (f"(* RAM_STYLE = {value} *)", f"(* ram_style = {value} *)")
            for value in ('"distributed"', "RAM_STYLE_EFF", "RAM_STYLE_HI")
        ),
        readers=(),
        why=_STYLE,
    ),
)


def stage(path: str) -> str:
    """Return finn-rtllib's file `path`, made portable.

    Raises
    ------
    ToolError
        If it is not there, or a rewrite does not fit it.
    """
    return rewrite(path, upstream(path))


def rewrite(path: str, text: str) -> str:
    """Return `text`, which is finn-rtllib's file `path` or was made of it, made portable.

    Raises
    ------
    ToolError
        If a rewrite does not fit it.
    """
    for rule in RULES:
        if rule.file == path:
            text = rule.apply(text)
    return text


def upstream(path: str) -> str:
    """Return finn-rtllib's file `path` as it was installed."""
    try:
        return (files("finn") / "finn-rtllib" / path).read_text(encoding="utf-8")
    except OSError as error:
        raise ToolError(
            f"finn-plus {version('finn-plus')} has no finn-rtllib/{path}",
            fix="install the finn-plus version that pyproject.toml pins",
        ) from error
