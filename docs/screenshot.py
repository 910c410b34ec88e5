"""Photograph a report for the README: ``python docs/screenshot.py runs/fashion-cnv/report.html``.

Writes ``docs/images/report-light.png`` and ``docs/images/report-dark.png``. The pictures show
whatever the report says, so give it the report of a real run.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from hwsubnet.tools import require, run

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=10000",
    "--enable-logging=stderr",
)


def browse(page: Path, *flags: str) -> str:
    """Open `page` in a fresh headless Chromium and return what it wrote: DOM, console, log."""
    chromium = require("chromium").path
    assert chromium is not None
    with TemporaryDirectory() as folder:
        profile = f"--user-data-dir={folder}/profile"
        command = [chromium, *FLAGS, profile, *flags, page.resolve().as_uri()]
        return run(command, log=Path(folder) / "log", timeout=120)


def photograph(page: Path, picture: Path, *, width: int, height: int, dark: bool = False) -> None:
    """Write the top of `page` as a PNG of `width` times `height` CSS pixels, in double density."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    browse(
        page,
        f"--screenshot={picture.resolve()}",
        f"--window-size={width},{height}",
        "--force-device-scale-factor=2",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    )


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="report.html of a real run")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1000)
    options = parser.parse_args()
    for scheme in ("light", "dark"):
        picture = options.out / f"report-{scheme}.png"
        photograph(
            options.report,
            picture,
            width=options.width,
            height=options.height,
            dark=scheme == "dark",
        )


if __name__ == "__main__":
    main()
