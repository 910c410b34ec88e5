"""What networks are trained for: each task is an object that the one training loop drives."""

from torch import nn

from hwsubnet.config import SweepConfig
from hwsubnet.models import find
from hwsubnet.train.tasks.autoencoding import Autoencoding
from hwsubnet.train.tasks.classification import Classification
from hwsubnet.train.tasks.segmentation import Segmentation
from hwsubnet.train.tasks.style_transfer import StyleTransfer
from hwsubnet.train.tasks.task import Learning, Measures, Task

__all__ = [
    "Autoencoding",
    "Classification",
    "Learning",
    "Measures",
    "Segmentation",
    "StyleTransfer",
    "Task",
    "make_task",
]


def make_task(config: SweepConfig, features: nn.Module | None = None) -> Task:
    """Return the task that the config's network is for.

    Parameters
    ----------
    features
        For style transfer, see :class:`StyleTransfer`.

    Raises
    ------
    ConfigError
        If there is no such network, or the task lacks something that the config has to name.
    """
    match find(config.model.name).task:
        case "classification":
            return Classification(config.training)
        case "segmentation":
            return Segmentation(config.training)
        case "autoencoding":
            return Autoencoding(config.training)
        case "style-transfer":
            return StyleTransfer(config.training, features or config.data.features)
