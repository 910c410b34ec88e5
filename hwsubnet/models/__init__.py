"""The networks of this project: built by name, saved and loaded."""

from hwsubnet.models.blocks import Network
from hwsubnet.models.build import MODELS, Model, Task, build, find
from hwsubnet.models.files import fit_shapes, load_network, load_weights, save_weights
from hwsubnet.models.names import layer_label

__all__ = [
    "MODELS",
    "Model",
    "Network",
    "Task",
    "build",
    "find",
    "fit_shapes",
    "layer_label",
    "load_network",
    "load_weights",
    "save_weights",
]
