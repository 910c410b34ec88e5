"""How the accelerator's ends map to the model's tensors, in the terms of the driver."""

from hwsubnet.artifacts import HostAffine
from hwsubnet.driver.units import Units
from hwsubnet.kernels.datatype import DataType


def host_units(host: HostAffine) -> Units:
    """Return what the driver needs of a `HostAffine`.

    Raises
    ------
    ModelError
        If its datatype is not one of integers.
    """
    datatype = DataType.parse(host.datatype)
    low, high = host.clip or (datatype.min, datatype.max)
    return Units(
        shape=host.shape[1:],
        low=low,
        high=high,
        transpose=host.transpose,
        scale=host.scale,
        bias=host.bias,
        zero_point=host.zero_point,
    )
