"""What the host does around the accelerator, told by a lowered graph's record.

The computation itself is the driver's: a simulation and a board read a model's values alike.
"""

import numpy as np
from numpy.typing import NDArray

from hwsubnet import driver
from hwsubnet.artifacts import HostAffine
from hwsubnet.kernels import IntArray, host_units

Real = NDArray[np.floating]


def to_integers(x: NDArray[np.generic], host: HostAffine, where: object = None) -> IntArray:
    """Turn frames in the model's input units into the accelerator's integers.

    Parameters, result and errors are those of `hwsubnet.driver.to_integers`.
    """
    return driver.to_integers(x, host_units(host), where=where)


def to_reals(integers: IntArray, host: HostAffine) -> Real:
    """Turn what the accelerator gives into the model's output units, as the driver does."""
    return driver.to_reals(integers, host_units(host))
