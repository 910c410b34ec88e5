"""What runs on the board: an accelerator behind PYNQ's DMA, as a NumPy function.

::

    from hwsubnet.driver import Accelerator

    with Accelerator("model.bit") as accelerator:
        classes = accelerator.predict(x)

This folder and ``hwsubnet/errors.py`` are copied into every package as they are. They need Python
3.10, NumPy 1.21 and pynq 3 or 4, and nothing else; on a laptop the same files run against the
emulated board of ``hwsubnet.simulate.emulated``.
"""

from hwsubnet.driver.accelerator import Accelerator
from hwsubnet.driver.interface import Interface, Side
from hwsubnet.driver.units import Units, to_integers, to_reals

__all__ = ["Accelerator", "Interface", "Side", "Units", "to_integers", "to_reals"]
