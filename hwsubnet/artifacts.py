"""What the stages give each other: artifacts, and the records that they hold.

A stage takes an artifact and a config and gives an artifact. Unknown numbers are ``None``, never 0.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field

from hwsubnet.costs import (
    LogicPath as LogicPath,
    Resources as Resources,
    Rung as Rung,
    SynthesisReport as SynthesisReport,
    SynthesizedCells as SynthesizedCells,
    SynthesizedPart as SynthesizedPart,
)
from hwsubnet.records import (
    Artifact as Artifact,
    File as File,
    Record as Record,
    check_writable as check_writable,
    digest as digest,
    replacing as replacing,
    scratch_folder as scratch_folder,
    write_text as write_text,
)

# --- what a network is -----------------------------------------------------------------------


class Precision(Record):
    """Bits of weights and activations, and the weights' range."""

    weight_bits: int = Field(4, ge=2, le=8)
    """Of a weight, a signed integer."""
    activation_bits: int = Field(4, ge=2, le=8)
    """Of an activation between two layers."""
    narrow_range: bool = True
    """No -2^(b-1): what DSP48E1 multipliers (Zynq-7000) need."""


class NetworkSpec(Record):
    """A network of ``hwsubnet.models``, before pruning."""

    name: str
    input_shape: tuple[int, int, int]
    """(channels, height, width)"""
    classes: int
    width: float = 1.0
    """Multiplier on every hidden width; also what the from-scratch baseline shrinks."""
    precision: Precision = Precision()


class Kept(Record):
    """How many of a layer's output channels remain."""

    kept: int
    of: int


Metric = Literal["accuracy", "mIoU", "ELBO", "FID"]
"""Top-1 share of right answers and mean intersection over union, both in [0, 1]; evidence lower
bound in nats an image; Fréchet Inception distance, of which less is better."""


class Accuracy(Record):
    """How well a network does what it was trained for, before and after quantization."""

    metric: Metric = "accuracy"
    """What `float` and `quantized` are."""
    float_: float | None = Field(None, alias="float")
    quantized: float | None = None
    split: Literal["validation", "test"]
    images: int
    details: dict[str, dict[Literal["float", "quantized"], float]] = Field(default_factory=dict)
    """Further measures by name, such as ``KID``."""


# --- what the stages give --------------------------------------------------------------------


class TrainedNetwork(Artifact):
    """A trained network with its masks inside its weights file (safetensors)."""

    stem: ClassVar[str] = "trained"

    spec: NetworkSpec
    phase: Literal["dense", "pruned", "quantized"]
    sparsity: float
    seed: int
    weights: File
    validation: Accuracy | None = None
    test: Accuracy | None = None
    """Read once, after the last phase."""
    companions: File | None = None
    """Of the dense network: what learnt beside it and goes on doing so, as discriminators do."""


class Alignment(Record):
    """What keeping more channels than the level leaves cost, against exact counts."""

    multiple: int | None
    """Of which kept widths are multiples; ``None`` where they were chosen for the board."""
    extra_channels: int
    extra_weights: int
    extra_macs: int


class GroupWidth(Record):
    """How many channels of a group stay."""

    group: str
    """Path of its first layer's module."""
    layer: str
    """That layer, as `channels` of a level names it."""
    of: int
    """All channels of the group."""
    plain: int
    """That the level leaves."""
    kept: int
    """That stay: as many, or some more."""


class Reckoned(Record):
    """How a network of some widths folds on the board; nothing of it is trained or built."""

    cycles_per_frame: int
    fps: float
    resources: Resources
    """At the rung ``calibrated``."""
    utilization: dict[str, float | None]


class ChosenWidths(Artifact):
    """Widths chosen before training because they fold well, against those that a level leaves."""

    stem: ClassVar[str] = "widths"

    groups: tuple[GroupWidth, ...]
    """Those that can be pruned, in forward order."""
    plain: Reckoned | None
    """With the channels that the level leaves; ``None`` if no folding of it fits."""
    chosen: Reckoned | None
    """With those that stay."""
    tried: int
    """Combinations of widths that were folded."""

    @property
    def counts(self) -> dict[str, int]:
        """Channels that stay, by group."""
        return {group.group: group.kept for group in self.groups}


class CompactNetwork(Artifact):
    """A network whose masked channels are gone."""

    stem: ClassVar[str] = "compact"

    spec: NetworkSpec
    sparsity: float
    weights: File
    channels: dict[str, Kept]
    """By weight layer, in forward order."""
    alignment: Alignment
    weights_mbit: float
    activations_mbit: float
    """Outputs of weight layers times activation bits / 1e6 (METHODS 1.8, the corrected count)."""
    activations_mbit_paper: float
    """The paper's over-count, for comparison with its tables."""
    macs: int
    bit_operations: int | None = None
    """Each MAC as weight bits times activation bits."""
    zero_weights: int | None = None
    """Weights that are exactly 0 and are counted and built like all others."""


class ExportedModel(Artifact):
    """A QONNX model with its weights inside, and golden vectors."""

    stem: ClassVar[str] = "exported"

    model: File
    golden: File
    """npz: `x` in the model's input units, `y` as torch computed it."""


class HostAffine(Record):
    """How the host turns real values into the accelerator's integers, or back.

    Input: integer = clip(round(x / scale + zero_point)); output: y = scale * integer + bias,
    with `scale` and `bias` per tensor (one entry) or per channel.
    """

    datatype: str
    """A QONNX datatype name, such as UINT8 or INT14."""
    tensor: str = ""
    """The model's tensor that this maps: its input or output, or an inner one where nodes of the
    model were left to the host."""
    clip: tuple[int, int] | None = None
    """Least and greatest integer, where the datatype holds more (narrow range)."""
    shape: tuple[int, ...]
    """Of the accelerator's stream for one frame, batch axis first (1), channels last."""
    transpose: tuple[int, ...] | None = None
    """Axes permutation from the model's layout to the stream's (input) or back (output)."""
    scale: tuple[float, ...] = (1.0,)
    bias: tuple[float, ...] = (0.0,)
    zero_point: float = 0.0


class Left(Record):
    """A node that did not become hardware, and the reason."""

    node: str
    op: str
    why: str


class Coverage(Record):
    """Which nodes of a model became hardware."""

    converted: int
    left: tuple[Left, ...] = ()


class LoweredGraph(Artifact):
    """A model as FINN dataflow graph, streamlined to integers; not yet folded."""

    stem: ClassVar[str] = "lowered"

    name: str
    streamlined: File
    """Standard ONNX and QONNX ops only, integers inside: the graph that defines the outputs."""
    dataflow: File
    """Hardware nodes only, specialized for the part's family."""
    input: HostAffine
    output: HostAffine
    coverage: Coverage
    macs: int


class NodeFolding(Record):
    """How one hardware node is folded and what it is made of; names are FINN's."""

    node: str
    op: str
    """FINN's class that serves the node; the node keeps the name that it was lowered with."""
    PE: int | None = None
    SIMD: int | None = None
    parallel_window: int | None = None
    """1: all positions of a sliding window in one word."""
    resType: Literal["dsp", "lut"] | None = None
    """What multiplies."""
    ram_style: Literal["auto", "block", "distributed", "ultra"] | None = None
    """Where weights or lines of an image lie."""


class NodeEstimate(Record):
    """One hardware node's cost."""

    node: str
    op: str
    layer: str
    """The network's layer that the node serves, for plots by layer."""
    cycles: int
    resources: dict[Rung, Resources]


class Estimate(Artifact):
    """A folded graph's cost and speed, rung by rung."""

    stem: ClassVar[str] = "estimate"

    folded: File
    """The dataflow graph with PE, SIMD and implementation styles set."""
    folding: tuple[NodeFolding, ...]
    nodes: tuple[NodeEstimate, ...]
    cycles_per_frame: int
    latency_cycles: int | None
    clock_mhz: float
    fps: float
    resources: dict[Rung, Resources]
    utilization: dict[str, float | None]
    """Share of the part, by resource, at the highest rung that knows it."""
    fits: bool | None
    """``None`` where no resource of the part is known to be exceeded but some are unknown."""


class Verification(Artifact):
    """The streamlined integer graph against the QONNX model in floating point, on real images."""

    stem: ClassVar[str] = "verification"

    images: int
    differing: int
    """Images of which some output differs."""
    on_boundary: int
    """Of these, how many trace back to an activation on a rounding boundary."""
    class_changes: int


class Stalls(Record):
    """Cycles of a simulation in which a node stood still."""

    blocked: int
    """It had a word that a reader did not take."""
    starved: int
    """It was ready, and a writer had no word."""


class Simulation(Artifact):
    """A run of the accelerator against the integer golden model."""

    stem: ClassVar[str] = "simulation"

    backend: Literal["golden", "cppsim", "rtlsim"]
    frames: int
    mismatches: int
    """Frames of which some output differs."""
    cycles: int | None = None
    """Of the whole run; ``None`` where time is not simulated."""
    cycles_per_frame: float | None = None
    """In steady state; ``None`` if a single frame was simulated."""
    latency_cycles: int | None = None
    """From the first word in to the last word out, of one frame."""
    stalls: dict[str, Stalls] | None = None
    """By node; ``None`` where streams were not watched, which costs speed."""
    fullest: dict[str, int] | None = None
    """Most words that a stream's FIFO held at once, by tensor; ``None`` as above."""


class RtlEdge(Record):
    """One stream of a stitched accelerator: a FIFO, and a width converter where words differ."""

    tensor: str
    source: str | None
    """Node that writes it; ``None``: the accelerator's input."""
    sink: str | None
    """Node that reads it; ``None``: the accelerator's output."""
    depth: int
    """Words of the wider side that its FIFO holds; 0: no FIFO."""


class RtlDesign(Artifact):
    """A folded graph as RTL; every path is relative, so that its folder can be moved.

    The top module has ``ap_clk``, ``ap_rst_n`` (active low) and plain AXI-Stream ports
    ``s_axis_<i>_*`` and ``m_axis_<i>_*`` in the order of the graph's inputs and outputs. Tools run
    in the design's folder, because memories are read from files named relative to it.
    """

    stem: ClassVar[str] = "rtl"

    top: str
    part: str
    clock_mhz: float
    graph: File
    """The folded graph that the RTL was made of."""
    sources: tuple[File, ...]
    """SystemVerilog and Verilog, in the order of compilation."""
    memories: tuple[File, ...]
    modules: dict[str, str]
    """By node: the module that is the node alone, without parameters."""
    edges: tuple[RtlEdge, ...]


# --- the report ------------------------------------------------------------------------------


class Metrics(Record):
    """All that is known of one accelerator; readers of reports rely on the field names."""

    sparsity: float | None = None
    """``None`` for a model that was not pruned here."""
    channels: dict[str, Kept] | None = None
    zero_weights: int | None = None
    """Single weights that unstructured pruning set to 0; the hardware keeps a place for each.
    ``None`` where channels were pruned."""
    alignment: Alignment | None = None
    widths: ChosenWidths | None = None
    """``None`` where widths are not chosen for the board."""
    accuracy: Accuracy | None = None
    weights_mbit: float | None = None
    activations_mbit: float | None = None
    activations_mbit_paper: float | None = None
    """By the paper's over-count, for comparison with its tables."""
    performance_density: float | None = None
    """Quantized accuracy in percent / (weights_mbit + activations_mbit); ``None`` where the metric
    is no share."""
    macs: int | None = None
    bit_operations: int | None = None
    """Each MAC as weight bits times activation bits."""
    folding: tuple[NodeFolding, ...] = ()
    nodes: tuple[NodeEstimate, ...] = ()
    cycles_per_frame: int | None = None
    latency_cycles: int | None = None
    fps: float | None = None
    speed_rung: Literal["analytical", "simulated"] | None = None
    """Where `cycles_per_frame`, `latency_cycles` and `fps` come from."""
    resources: dict[Rung, Resources] = Field(default_factory=dict)
    """Of the accelerator alone; ``vendor``: of all that is on the part."""
    shell: dict[Rung, Resources] = Field(default_factory=dict)
    """What joins the accelerator with the DMA. The DMA itself and the interconnect are the
    vendor's, and known at the rung ``vendor`` only, as part of `resources`."""
    utilization: dict[str, float | None] = Field(default_factory=dict)
    """Share of the part that accelerator and shell take together."""
    fits: bool | None = None
    infeasible: str | None = None
    """Why there is no accelerator: no layer can become hardware, or no folding fits the board or
    reaches the wished speed. Speed and resources are unknown then."""
    synthesis: SynthesisReport | None = None
    """By node and stream: LUTs for logic and for memory, carry, and the slowest path."""
    verification: Verification | None = None
    simulation: Simulation | None = None
    coverage: Coverage | None = None


class Level(Metrics):
    """One pruning level of ``report.json``."""

    sparsity: float


class Report(Artifact):
    """``report.json``."""

    stem: ClassVar[str] = "report"

    name: str
    board: str
    part: str
    clock_mhz: float
    levels: tuple[Level, ...]
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Versions, seed, dataset and config digest: what the numbers depend on."""
