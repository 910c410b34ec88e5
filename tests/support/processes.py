"""Processes of simulations, as Linux's /proc shows them."""

import time
from pathlib import Path


def simulations_of(parent: int) -> list[int]:
    """Process ids of the running simulations that `parent` started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            before, _, after = (entry / "stat").read_text().rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        state, started_by = after.split()[:2]
        if int(started_by) == parent and before.endswith("(Vdut") and state != "Z":
            found.append(int(entry.name))
    return found


def alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_for_one(parent: int) -> int:
    """Process id of the first simulation that `parent` starts, which must live until then."""
    while not (found := simulations_of(parent)):
        assert alive(parent), "the parent ended before it simulated"
        time.sleep(0.02)
    return found[0]
