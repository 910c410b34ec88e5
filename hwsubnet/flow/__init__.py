"""The only place where stages meet: whole runs, resumable stage by stage, and single models."""

from hwsubnet.flow.building import build_model
from hwsubnet.flow.simulating import simulate_model
from hwsubnet.flow.single import estimate_model
from hwsubnet.flow.sweep import export, sweep, train
from hwsubnet.flow.synthesizing import synthesize_model

__all__ = [
    "build_model",
    "estimate_model",
    "export",
    "simulate_model",
    "sweep",
    "synthesize_model",
    "train",
]
