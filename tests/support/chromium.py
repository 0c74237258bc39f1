"""Finds a Chromium for the browser tests. Standard library only: the test runner asks, too."""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REASON = "no Chromium on this machine (looked for: " + ", ".join(NAMES) + ")"
INSTALL_SECONDS = 180


def find_chromium() -> str | None:
    """Return the path of the browser, or None; tests are then skipped with `REASON`."""
    return next(filter(None, (shutil.which(name) for name in NAMES)), None)


def install_chromium() -> bool:
    """Try to install Debian's Chromium, where we are root and may; return whether there is one now."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        try:
            command = [apt, "-qq", *arguments]
            subprocess.run(command, check=True, capture_output=True, env=environment, timeout=INSTALL_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return False
    return find_chromium() is not None
