"""The one frozen configuration of a sweep, read from YAML or a preset.

Unknown keys are refused; every default stands here and nowhere else.
"""

from operator import gt
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from hwsubnet.artifacts import Precision, Record
from hwsubnet.errors import ConfigError
from hwsubnet.resources import shipped

Level = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Side = Annotated[int, Field(ge=8, le=4096)]

LARGEST_MULTIPLE = 64
"""That kept widths can be rounded up to."""


class DataConfig(Record):
    """Which images, and how they are split."""

    name: Literal[
        "digits", "fashion-mnist", "cifar10", "cifar100", "cityscapes", "segmentation", "unpaired"
    ] = "digits"
    """The data set. `digits` comes with scikit-learn; `fashion-mnist` is read from IDX files;
    `cifar10` and `cifar100` need the extra `torchvision`. The others are folders: `cityscapes` as
    it is unpacked; `segmentation` with `images/train`, `labels/train`, `images/test` and
    `labels/test`, in which PNG files of one name belong together, a label being a class or 255 for
    none; `unpaired`, two styles, with `trainA`, `trainB`, `testA` and `testB`."""
    path: Path | None = None
    """Folder that holds the data set; the data set's usual place if not given."""
    validation: float = Field(0.1, gt=0, lt=0.5)
    """Share of the training images held out for choosing."""
    train_images: int | None = Field(None, ge=64)
    """Use the first so many training images only (None: all)."""
    test_images: int | None = Field(None, ge=16)
    """Use the first so many test images only (None: all)."""
    augment: bool = True
    """Change training images at random: digits and CIFAR are shifted by a few pixels, CIFAR turned
    by up to 15 degrees, all but the digits mirrored."""
    size: tuple[Side, Side] | None = None
    """Height and width that images from a folder are scaled to; `cityscapes`: [256, 512] if not
    given."""
    crop: tuple[Side, Side] | None = None
    """`unpaired`: height and width of the random parts that are learnt from; test images are scaled
    to it. The whole image if not given."""
    classes: int | None = Field(None, ge=2, le=255)
    """`segmentation`: how many classes there are."""
    features: Path | None = None
    """`unpaired`: safetensors file with the weights of the Inception network that FID and KID
    compare images by; see [tasks](tasks.md#style-transfer)."""

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.crop and (self.size is None or any(map(gt, self.crop, self.size))):
            raise ValueError("crop must fit into size")
        if self.classes and self.name != "segmentation":
            raise ValueError("classes is for `segmentation` alone")
        return self


class ModelConfig(Record):
    """Which network."""

    name: str = "lenet"
    """It says what is learnt. [Classification](tasks.md#classification): `mlp`, `lenet`, `cnv`,
    `resnet8`, `resnet20`, `resnet32`, `resnet56`, `mobilenetv2`, `densenet40`, `densenet121`;
    [segmentation](tasks.md#segmentation): `unet`, `frrn-a`, `frrn-b`;
    [autoencoding](tasks.md#autoencoding): `vae`; [style transfer](tasks.md#style-transfer):
    `cyclegan`."""
    width: Positive = 1.0
    """Multiplier on every hidden width."""


class PruningConfig(Record):
    """How channels are chosen: Algorithm 1 of Zhang, Colbert & Das (2022), or a baseline."""

    schedule: Literal["layerwise", "one-shot", "stepwise", "unstructured", "scratch"] = "layerwise"
    """`layerwise`: one group of channels after the other, from the input on. `one-shot`: all at
    once. `stepwise`: all, in five steps. `unstructured`: single weights by their magnitude, in five
    steps; an accuracy to compare with, as the hardware keeps its size. `scratch`: a narrower
    network trained from its start."""
    importance: Literal["activation-l1", "activation-l0", "weight-l1", "published"] = (
        "activation-l1"
    )
    """Mean magnitude of a channel's activations, share of them that is not zero, or magnitude of
    its weights; `published`: the weights' for `stepwise`, the activations' for the others, as in
    the paper. Without effect on `unstructured`."""
    levels: tuple[Level, ...] = Field((0.0, 0.25, 0.5, 0.75), min_length=1)
    """Shares of every group's channels that go; each in [0, 1)."""
    align: int | Literal["auto"] = 1
    """Kept widths are rounded up to a multiple of this, from 1 to 64. `auto`: each group keeps up
    to an eighth of its channels more than its level leaves, as many as fold best on the board."""
    start: float = Field(0.5, ge=0)
    """Epochs of the pruning phase before the first layer's window."""
    interval: float = Field(0.125, gt=0)
    """Epochs a layer's window lasts."""
    refresh: float = Field(0.025, gt=0)
    """Epochs between two computations of a mask inside its window."""

    @field_validator("levels")
    @classmethod
    def _sorted_once(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(levels)) != len(levels):
            raise ValueError("a level is named twice")
        return tuple(sorted(levels))

    @field_validator("align", mode="before")
    @classmethod
    def _multiple_or_auto(cls, align: object) -> object:
        if align == "auto" or (type(align) is int and 1 <= align <= LARGEST_MULTIPLE):
            return align
        raise ValueError(f"must be a whole number from 1 to {LARGEST_MULTIPLE}, or auto")

    @model_validator(mode="after")
    def _auto_needs_masks(self) -> Self:
        if self.align == "auto" and self.schedule in ("scratch", "unstructured"):
            raise ValueError(
                "align auto chooses how many channels the masks keep, and schedule "
                f"{self.schedule} masks none"
            )
        return self

    @property
    def multiple(self) -> int:
        """Of which kept widths are multiples; 1 where they are chosen for the board."""
        return 1 if self.align == "auto" else self.align


class PhaseConfig(Record):
    """One phase of training."""

    epochs: int = Field(10, ge=1)
    """Passes over the training images."""
    learning_rate: Positive = 0.05
    """At the start of the phase."""
    milestones: tuple[Level, ...] = ()
    """Shares of the phase. `step`: after each, the learning rate is multiplied by `decay`.
    `linear`: after the first, it begins to fall."""
    decay: Positive = 0.2
    """For `step`."""
    schedule: Literal["step", "cosine", "linear"] = "cosine"
    """`cosine` and `linear` fall to 0, smoothly or in a straight line, `step` at the milestones."""


class PrunePhaseConfig(PhaseConfig):
    """The same with the defaults of the pruning phase."""

    epochs: int = Field(5, ge=1)
    learning_rate: Positive = 0.02


class QatPhaseConfig(PhaseConfig):
    """The same with the defaults of quantization-aware training."""

    epochs: int = Field(3, ge=1)
    learning_rate: Positive = 0.004


Kernels = Literal["fused", "plain"]
"""Ways of computing a training step."""


class TrainingConfig(Record):
    """The recipe: dense, then pruning, then quantization-aware training."""

    batch: int = Field(128, ge=1)
    """Images per step, over all devices together; at least 2, but for style transfer."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Of all phases."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of SGD; of Adam, the decay of the gradients' mean (the other one is 0.999)."""
    weight_decay: float = Field(5e-4, ge=0)
    """Added to the gradients."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Classification: share of the target that is spread over all classes."""
    hardest: float = Field(1.0, gt=0, le=1)
    """Segmentation: share of each image's pixels, those of the greatest loss, that is learnt from
    (bootstrapped cross-entropy)."""
    dense: PhaseConfig = PhaseConfig()
    """The dense network, in floating point; once for all levels."""
    prune: PrunePhaseConfig = PrunePhaseConfig()
    """Each level above 0, in floating point, while channels are masked and after."""
    qat: QatPhaseConfig = QatPhaseConfig()
    """Each level, quantized."""
    quantize_weights_after: float = Field(0.5, ge=0)
    """Epochs of the QAT phase before weights are quantized."""
    quantize_activations_after: float = Field(0.05, ge=0)
    """Epochs of the QAT phase before activations are quantized."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """`auto` takes a GPU where there is one."""
    devices: int = Field(1, ge=1)
    """Processes, each with its share of every batch."""
    arithmetic: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of convolutions and matrix products while training; `auto` takes bfloat16 where the
    processor multiplies it natively. Quantizers and evaluation always compute in float32."""
    kernels: Kernels = "fused"
    """How steps are computed, on which nothing depends but their speed and the order of sums.
    `fused`: norms, ReLU, masks and quantizers by C++ that is compiled on first use; on GPUs, and
    without a C++ compiler, it is `plain`: by PyTorch alone."""
    checkpoint_every: int = Field(500, ge=1)
    """Steps between checkpoints."""


class HardwareConfig(Record):
    """The target and how much parallelism it may use."""

    board: str = "Pynq-Z2"
    """A name that `hwsubnet boards` lists, or the path of a YAML file."""
    clock_mhz: Positive | None = None
    """The board's default if not given."""
    fps: Positive | None = None
    """Cheapest folding that reaches this; None: the fastest that fits the board."""
    verify_images: int = Field(512, ge=1)
    """Test images on which the streamlined graph is compared with the QONNX model."""
    simulate_images: int = Field(8, ge=0)
    """Test images that run through the RTL at each level; 0: the RTL is not simulated."""
    synthesize: bool = True
    """Whether Yosys counts what each part of the RTL takes."""


class SweepConfig(Record):
    """Everything that a sweep's numbers depend on."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "digits"
    """Of the sweep, for its report."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Of the splits, the first weights, the order of images and their augmentation."""
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    precision: Precision = Precision()
    pruning: PruningConfig = PruningConfig()
    training: TrainingConfig = TrainingConfig()
    hardware: HardwareConfig = HardwareConfig()

    @model_validator(mode="after")
    def _phases_fit(self) -> Self:
        pruning, phase = self.pruning, self.training.prune
        if pruning.schedule != "scratch" and phase.epochs <= pruning.start:
            raise ValueError(
                f"pruning.start ({pruning.start} epochs) must lie inside the prune phase "
                f"({phase.epochs} epochs)"
            )
        training = self.training
        after = max(training.quantize_weights_after, training.quantize_activations_after)
        if training.qat.epochs <= after:
            raise ValueError(
                f"quantization starts {after} epochs into the training.qat phase, which has "
                f"{training.qat.epochs}"
            )
        return self


def presets() -> list[str]:
    """Names that `--preset` takes."""
    return sorted(path.stem for path in shipped("configs").glob("*.yaml"))


def load_config(
    path: Path | None = None, preset: str | None = None, overrides: dict[str, Any] | None = None
) -> SweepConfig:
    """Read a sweep's configuration.

    Parameters
    ----------
    path
        A YAML file; or
    preset
        the name of a shipped recipe. Neither: all defaults.
    overrides
        Values that win over the file, keyed by dotted path (``{"hardware.board": "ZCU104"}``).
        Values of ``None`` are passed over.

    Raises
    ------
    ConfigError
        Naming the file, the field and the rule.
    """
    if path is not None and preset is not None:
        raise ConfigError("a CONFIG.yaml and --preset exclude each other", fix="give one of them")
    if preset is not None:
        if preset not in presets():
            raise ConfigError(
                f"there is no preset {preset!r}", fix=f"choose one of {', '.join(presets())}"
            )
        path = shipped("configs") / f"{preset}.yaml"
    tree = read_yaml(path, ConfigError) if path is not None else {}
    for dotted, value in (overrides or {}).items():
        if value is None:
            continue
        *parents, leaf = dotted.split(".")
        node = tree
        for parent in parents:
            child = node.setdefault(parent, {})
            if not isinstance(child, dict):
                raise ConfigError("must be a mapping", where=f"{path}: {parent}")
            node = child
        node[leaf] = value
    try:
        return SweepConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(
            explain(error), where=path or "command line", fix="see docs/config.md"
        ) from error


def read_yaml(path: Path, error: type[ConfigError] | type[Any]) -> dict[str, Any]:
    """Read a YAML mapping safely (no tags, no objects), or raise `error` in one line."""
    try:
        if path.stat().st_size > 1_000_000:
            raise error("is larger than 1 MB; a config is a page of text", where=path)
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise error(
            f"cannot be read ({reason.strerror})", where=path, fix="check the path"
        ) from reason
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as reason:
        line = " ".join(str(reason).split())
        raise error(f"is not valid YAML ({line})", where=path, fix="mend it there") from reason
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise error(
            f"must be a mapping of keys to values, not {type(tree).__name__}",
            where=path,
            fix="write one `key: value` a line",
        )
    return tree


def explain(error: ValidationError) -> str:
    """Give the first violated rule as one line: field, rule, value."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "config"
    message = first["msg"].removeprefix("Value error, ")
    value = first["input"]
    shown = "" if isinstance(value, dict | list) else f", not {value!r}"
    more = error.error_count() - 1
    return f"{field}: {message}{shown}" + (f" (and {more} more)" if more else "")
