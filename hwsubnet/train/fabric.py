"""Where training runs: one process or several, on the CPU or on GPUs."""

import logging

import torch
from lightning.fabric import Fabric

from hwsubnet.config import TrainingConfig
from hwsubnet.train.checkpoint import SafetensorsIO


def make_fabric(config: TrainingConfig) -> Fabric:
    """Set up Lightning Fabric for the devices and the arithmetic that a config asks for."""
    # They announce the precision of each run; the progress bars say what matters.
    for chatty in ("lightning.fabric", "lightning.pytorch"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return Fabric(
        accelerator=config.accelerator,
        devices=config.devices,
        strategy="auto" if config.devices == 1 else "ddp_spawn",
        precision="bf16-mixed" if arithmetic(config) == "bfloat16" else "32-true",
        plugins=SafetensorsIO(),
    )


def arithmetic(config: TrainingConfig) -> str:
    """Decide between float32 and bfloat16 where a config leaves it open."""
    if config.arithmetic != "auto":
        return config.arithmetic
    if config.accelerator != "cpu" and torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if native else "float32"
