"""Resources and logic paths of the RTL, as Yosys synthesizes it: no vendor tool is needed."""

from hwsubnet.synth.crew import Limits
from hwsubnet.synth.synthesis import synthesize

__all__ = ["Limits", "synthesize"]
