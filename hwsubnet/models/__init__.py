"""The networks of this project: built by name, saved and loaded."""

from hwsubnet.models.blocks import Network
from hwsubnet.models.build import IMAGE_MODELS, MODELS, build, build_image_model
from hwsubnet.models.files import fit_shapes, load_network, load_weights, save_weights
from hwsubnet.models.names import layer_label

__all__ = [
    "IMAGE_MODELS",
    "MODELS",
    "Network",
    "build",
    "build_image_model",
    "fit_shapes",
    "layer_label",
    "load_network",
    "load_weights",
    "save_weights",
]
