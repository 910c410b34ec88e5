"""``python -m hwsubnet.synth``: one synthesis, described by the working folder."""

import sys

from hwsubnet.synth.worker import main

try:
    main()
except MemoryError:
    sys.exit("MemoryError")
