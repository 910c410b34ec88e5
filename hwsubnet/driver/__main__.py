"""``python3 -m hwsubnet.driver NAME.bit``: check a board against golden vectors, and measure it.

The last line of stdout is one JSON object. Exit codes are those of ``hwsubnet``: 0 done, 1 an
output differs, 2 something is missing or does not answer.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.driver.accelerator import Accelerator
from hwsubnet.errors import BadInput, HwsubnetError


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run the golden vectors; return the exit code."""
    parser = argparse.ArgumentParser(prog="hwsubnet.driver", description=__doc__.splitlines()[0])
    parser.add_argument("bitfile", type=Path)
    parser.add_argument("--golden", type=Path, default=Path("golden.npz"), help="holds x and y")
    parser.add_argument("--frames", type=int, default=1000, help="to measure with; 0: do not")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds; 0: no limit")
    given = parser.parse_args(arguments)
    try:
        with Accelerator(given.bitfile, timeout=given.timeout or None) as accelerator:
            report: dict[str, float] = {"checked": accelerator.check(*_golden(given.golden))}
            if given.frames > 0:
                report |= accelerator.benchmark(given.frames)
    except HwsubnetError as error:
        sys.stderr.write(f"hwsubnet: error: {error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


def _golden(path: Path) -> "tuple[NDArray[Any], NDArray[Any]]":
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive["x"], archive["y"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BadInput(f"holds no golden vectors ({error})", where=path) from error


if __name__ == "__main__":
    sys.exit(main())
