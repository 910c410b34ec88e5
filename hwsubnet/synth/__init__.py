"""Resources and logic paths of the RTL, as Yosys synthesizes it: no vendor tool is needed.

Where Yosys is known to give other counts than Vivado would:

- LUTs are not packed in pairs (see `hwsubnet.synth.primitives`);
- the output register of a block RAM stays a flip-flop, one a bit of its word;
- on UltraScale+ so do the registers of multipliers that are inferred, not instantiated (FINN's
  matrix units instantiate theirs);
- an inverter that no LUT takes in counts as a LUT.
"""

from hwsubnet.synth.crew import Limits
from hwsubnet.synth.synthesis import synthesize, synthesize_module

__all__ = ["Limits", "synthesize", "synthesize_module"]
