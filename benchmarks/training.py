"""How long a training step takes: float, masked, quantized; by batch and by width.

Usage: ``python benchmarks/training.py [--model cnv] [--steps 30] [--threads N]``; JSON on stdout.

A step is what the training loop does for a batch that lies ready: forward, loss, backward,
optimizer. The median over the steps is given, and the fastest one, which says what an undisturbed
machine does. ``masked`` is float with half of each group's channels masked and measured; ``qat``
is that with all quantizers on.
"""

import argparse
import json
import os
import platform
import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.config import SweepConfig
from hwsubnet.models import MODELS, build
from hwsubnet.progress import track
from hwsubnet.prune import find_groups
from hwsubnet.quant import set_quantization
from hwsubnet.train.fabric import make_fabric

IMAGES = {"lenet": (1, 28, 28), "mlp": (1, 28, 28), "cnv": (1, 28, 28)}
"""Image shape by network; residual networks take those of CIFAR."""
WARM_UP = 5


def network(name: str, width: float, variant: str) -> nn.Module:
    """Build an untrained network in the state of a phase."""
    torch.manual_seed(0)
    shape = IMAGES.get(name, (3, 32, 32))
    built = build(NetworkSpec(name=name, input_shape=shape, classes=10, width=width))
    if variant != "float":
        for group in find_groups(built):
            if group.prunable:
                group.set_mask(torch.arange(group.channels) % 2 == 0)
                group.observe(variant == "masked")
    set_quantization(built, weights=variant == "qat", activations=variant == "qat")
    return built.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def step_times(
    name: str, *, variant: str, arithmetic: str, batch: int, width: float, steps: int
) -> dict[str, float]:
    """Time training steps on random images; milliseconds."""
    recipe = SweepConfig().training.model_copy(update={"arithmetic": arithmetic})
    fabric = make_fabric(recipe)
    made = network(name, width, variant)
    optimizer = torch.optim.SGD(made.parameters(), lr=0.01, momentum=0.9)
    model, optimizer = fabric.setup(made, optimizer)
    images = torch.rand(batch, *IMAGES.get(name, (3, 32, 32))).to(fabric.device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,)).to(fabric.device)

    def step() -> Tensor:
        loss = functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        return loss.detach()

    model.train()
    times = []
    for index in range(WARM_UP + steps):
        begin = time.perf_counter()
        step().item()  # waits for the device
        if index >= WARM_UP:
            times.append(1000 * (time.perf_counter() - begin))
    return {"median_ms": round(statistics.median(times), 3), "fastest_ms": round(min(times), 3)}


def measure(name: str, steps: int) -> dict[str, Any]:
    """Measure every variant, then growth with batch and with width in float32 and float."""
    usual: dict[str, Any] = {"arithmetic": "float32", "batch": 128, "width": 1.0}
    runs = [
        *(
            usual | {"variant": v, "arithmetic": a}
            for a in ("float32", "bfloat16")
            for v in ("float", "masked", "qat")
        ),
        *(usual | {"variant": v, "batch": b} for v in ("float", "qat") for b in (32, 64, 256)),
        *(usual | {"variant": v, "width": w} for v in ("float", "qat") for w in (0.5, 2.0)),
    ]
    rows = [run | step_times(name, steps=steps, **run) for run in track(runs, "training steps")]
    return {
        "benchmark": "training",
        "model": name,
        "steps": steps,
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "load_average": os.getloadavg()[0],
        "torch": torch.__version__,
        "rows": rows,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    classifiers = sorted(n for n, model in MODELS.items() if model.task == "classification")
    parser.add_argument("--model", choices=classifiers, default="cnv")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(json.dumps(measure(arguments.model, arguments.steps), indent=2))


if __name__ == "__main__":
    main()
