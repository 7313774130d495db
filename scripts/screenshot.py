"""Takes a picture of a briefing, e.g. ``docs/report.png`` for the README.

Usage: ``python scripts/screenshot.py demo-report/report.html docs/report.png``
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def take(page: Path, picture: Path, width: int, height: int) -> None:
    """Render the top of a page into a PNG of that many pixels."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        sys.exit(f"None of {', '.join(CHROMIUM)} is installed; install Chromium.")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={profile}", f"--window-size={width},{height}"),
            *("--hide-scrollbars", "--virtual-time-budget=3000"),
            *(f"--screenshot={picture.resolve()}", page.resolve().as_uri()),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, default=1150)
    arguments = parser.parse_args()
    take(arguments.page, arguments.picture, arguments.width, arguments.height)


if __name__ == "__main__":
    main()
