"""How long a step of quantization-aware training takes, against the same network in float.

Usage: ``python benchmarks/qat_speed.py [--steps 40] [--variants float,fused] [--grow]``; JSON on
stdout.

ResNet-8, 16 channels wide, W4A4, batch 128 of 3x32x32, channels-last. A step is what the training
loop does for a batch that lies ready: forward, loss, backward, optimizer.

``float``       the network of plain PyTorch layers, eager: what all others are divided by
``fused``       this project's network, quantizers on, by the compiled kernels: the default
``pruning``     the same in the pruning phase: masked and measured, not quantized
``plain``       the same network as ``fused`` without kernels
``brevitas``    Brevitas' own quantizers at 4 bits, by its defaults
``collecting``  the same in their first 300 steps

Variants run step by step in turn, so that whatever else the machine does hits all alike; medians
are compared. malloc keeps what it was given, as in training; else ``float`` would be slower.
``--grow`` also times ``float`` and ``fused`` over batch and width. ``--recipe NAME`` instead runs
an epoch of each phase of a preset, data included, on ``plain`` and ``fused`` networks in turn.
Memory is the most that a step has allocated at once, as PyTorch's profiler counts it, beyond what
the network holds between steps.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsubnet import tools
from hwsubnet.artifacts import NetworkSpec
from hwsubnet.config import SweepConfig, load_config
from hwsubnet.data import Splits, batches, load_data, to_real
from hwsubnet.fused import fuse
from hwsubnet.models import build
from hwsubnet.progress import track
from hwsubnet.prune import find_groups
from hwsubnet.quant import set_quantization
from hwsubnet.train.fabric import arithmetic as arithmetic_of

WARM_UP = 5
SHAPE = (3, 32, 32)
Step = Callable[[Tensor, Tensor], None]


class Block(nn.Module):
    """A residual block of plain layers, or of what `layers` gives."""

    def __init__(self, layers: "Layers", inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = layers.convolution(inputs, outputs, 3, stride)
        self.second = layers.convolution(outputs, outputs, 3, 1)
        changes = inputs != outputs or stride != 1
        self.shortcut = layers.convolution(inputs, outputs, 1, stride) if changes else nn.Identity()
        self.middle, self.last, self.add = layers.relu(), layers.relu(), layers.addition()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        y = self.second(self.middle(self.first(x)))
        result: Tensor = self.last(self.add(y) + self.add(self.shortcut(x)))
        return result


class Layers:
    """What a ResNet-8 is made of, in float."""

    def convolution(self, inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
        """Return a convolution with a norm."""
        made = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(made, nn.BatchNorm2d(outputs))

    def relu(self) -> nn.Module:
        """Return an activation."""
        return nn.ReLU()

    def addition(self) -> nn.Module:
        """Return what stands on the operands of an addition."""
        return nn.Identity()

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """Return the classifier."""
        return nn.Linear(inputs, outputs)

    def network(self, width: float) -> nn.Module:
        """Return a ResNet-8."""
        a, b, c = (round(width * channels) for channels in (16, 32, 64))
        return nn.Sequential(
            self.addition(),
            self.convolution(3, a, 3, 1),
            self.relu(),
            Block(self, a, a, 1),
            Block(self, a, b, 2),
            Block(self, b, c, 2),
            nn.AdaptiveAvgPool2d(1),
            self.addition(),
            nn.Flatten(),
            self.linear(c, 10),
        )


class StockLayers(Layers):
    """The same with Brevitas' usual quantizers, which first collect for `steps` steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def convolution(self, inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
        """Return a quantized convolution with a norm."""
        from brevitas.nn import QuantConv2d

        made = QuantConv2d(
            inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False,
            weight_bit_width=4,
        )  # fmt: skip
        return nn.Sequential(made, nn.BatchNorm2d(outputs))

    def relu(self) -> nn.Module:
        """Return a quantized activation."""
        from brevitas.nn import QuantReLU

        made: nn.Module = QuantReLU(bit_width=4, collect_stats_steps=self.steps)
        return made

    def addition(self) -> nn.Module:
        """Return a quantizer."""
        from brevitas.nn import QuantIdentity
        from brevitas.quant import Int8ActPerTensorFloat

        made: nn.Module = QuantIdentity(
            act_quant=Int8ActPerTensorFloat, bit_width=4, collect_stats_steps=self.steps
        )
        return made

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """Return the classifier."""
        from brevitas.nn import QuantLinear

        made: nn.Module = QuantLinear(inputs, outputs, bias=True, weight_bit_width=4)
        return made


def ours(width: float, *, quantized: bool) -> nn.Module:
    """Return this project's ResNet-8; not quantized, it is being pruned to the half."""
    network = build(NetworkSpec(name="resnet8", input_shape=SHAPE, classes=10, width=width))
    set_quantization(network, weights=quantized, activations=quantized)
    for group in find_groups(network):
        if group.prunable and not quantized:
            group.set_mask(torch.arange(group.channels) % 2 == 0)
            group.observe(True)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


VARIANTS: dict[str, Callable[[float], nn.Module]] = {
    "float": lambda width: Layers().network(width),
    "fused": lambda width: fuse(ours(width, quantized=True)),
    "pruning": lambda width: fuse(ours(width, quantized=False)),
    "plain": lambda width: ours(width, quantized=True),
    "brevitas": lambda width: StockLayers(1).network(width),
    "collecting": lambda width: StockLayers(300).network(width),
}


def make_step(network: nn.Module, arithmetic: str) -> Step:
    """Return what does one step of training on a batch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def step(images: Tensor, labels: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=arithmetic == "bfloat16"):
            loss = functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def random_step(variant: str, arithmetic: str, batch: int, width: float) -> Callable[[], None]:
    """Return what does a step of a variant on the same random images each time."""
    torch.manual_seed(0)
    network = VARIANTS[variant](width).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step = make_step(network.train(), arithmetic)
    images = torch.rand(batch, *SHAPE).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,))
    return lambda: step(images, labels)


def peak_memory(step: Callable[[], None]) -> float:
    """Most bytes that a step holds at once beyond what it found, in MB."""
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    held = most = 0
    results: Any = profile.profiler
    events = [event for event in results.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return round(most / 1e6, 1)


def compare(
    variants: list[str], arithmetic: str, steps: int, batch: int = 128, width: float = 1.0
) -> list[dict[str, Any]]:
    """Time variants in turn, step by step."""
    made = {name: random_step(name, arithmetic, batch, width) for name in variants}
    times: dict[str, list[float]] = {name: [] for name in variants}
    for index in track(range(WARM_UP + steps), f"{arithmetic}, batch {batch}, width {width:g}"):
        for name, step in made.items():
            begin = time.perf_counter()
            step()
            if index >= WARM_UP:
                times[name].append(1000 * (time.perf_counter() - begin))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    memory = {name: peak_memory(step) for name, step in made.items()}
    return [
        {
            "variant": name,
            "arithmetic": arithmetic,
            "batch": batch,
            "width": width,
            "median_ms": round(median[name], 2),
            "fastest_ms": round(min(times[name]), 2),
            "ratio": round(median[name] / median["float"], 3),
            "memory_mb": memory[name],
            "memory_ratio": round(memory[name] / memory["float"], 3),
        }
        for name in variants
    ]


def measure(variants: list[str], steps: int, grow: bool) -> dict[str, Any]:
    """Compare all variants in both arithmetics, then growth with batch and width."""
    rows = [row for kind in ("float32", "bfloat16") for row in compare(variants, kind, steps)]
    if grow:
        sizes: list[dict[str, Any]] = [
            *({"batch": batch} for batch in (32, 64, 256)),
            *({"width": width} for width in (0.5, 2.0)),
        ]
        for size in sizes:
            rows += compare(["float", "fused"], "float32", steps, **size)
    return {
        "benchmark": "qat_speed",
        "steps": steps,
        "threads": torch.get_num_threads(),
        "load_average": os.getloadavg()[0],
        "torch": torch.__version__,
        "rows": rows,
    }


def phase_network(config: SweepConfig, splits: Splits, phase: str) -> nn.Module:
    """Return a recipe's network as it is in a phase; from ``prune`` on half of it is masked."""
    torch.manual_seed(config.seed)
    spec = NetworkSpec(
        name=config.model.name,
        input_shape=splits.shape,
        classes=splits.classes,
        width=config.model.width,
        precision=config.precision,
    )
    network = build(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for group in find_groups(network):
        if group.prunable and phase != "dense":
            group.set_mask(torch.arange(group.channels) % 2 == 0)
    set_quantization(network, weights=phase == "qat", activations=phase == "qat")
    return network.train()  # type: ignore[no-any-return]


def measure_recipe(preset: str) -> dict[str, Any]:
    """Time an epoch of each phase, plain and fused batch by batch in turn; seconds."""
    config = load_config(preset=preset)
    splits = load_data(config.data, config.seed)
    kind = arithmetic_of(config.training)
    rows = []
    for phase in ("dense", "prune", "qat"):
        networks = {name: phase_network(config, splits, phase) for name in ("plain", "fused")}
        steps = {
            "plain": make_step(networks["plain"], kind),
            "fused": make_step(fuse(networks["fused"]), kind),
        }
        seconds = dict.fromkeys(steps, 0.0)
        epoch = batches(
            splits.train, config.training.batch, seed=config.seed, epoch=0,
            augmentation=splits.augmentation,
        )  # fmt: skip
        begin = time.perf_counter()
        for images, labels in track(epoch, phase):
            images = to_real(images).contiguous(memory_format=torch.channels_last)
            loaded = time.perf_counter()
            for name, step in steps.items():
                start = time.perf_counter()
                step(images, labels)
                seconds[name] += time.perf_counter() - start + loaded - begin
            begin = time.perf_counter()
        rows.append(
            {"phase": phase}
            | {f"{name}_s": round(taken, 1) for name, taken in seconds.items()}
            | {"ratio": round(seconds["fused"] / seconds["plain"], 3)}
        )
    return {
        "benchmark": "qat_speed",
        "recipe": preset,
        "arithmetic": kind,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "rows": rows,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--grow", action="store_true", help="also over batch and width")
    parser.add_argument("--recipe", metavar="NAME", help="a preset, whose phases are timed instead")
    arguments = parser.parse_args()
    variants = arguments.variants.split(",")
    if "float" not in variants or not set(variants) <= set(VARIANTS):
        sys.exit(f"--variants: float and any of {', '.join(VARIANTS)}")
    torch.set_num_threads(arguments.threads)
    tools.keep_memory()
    if arguments.recipe:
        results = measure_recipe(arguments.recipe)
    else:
        results = measure(variants, arguments.steps, arguments.grow)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
