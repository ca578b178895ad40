"""Write ``requirements.txt``: every package of the image, with version and hash.

Run with ``python containers/pin_requirements.py`` and the Python version of the image, after a
change of ``constraints.txt`` or of the dependencies.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[1]
HEADER = "# Written by containers/pin_requirements.py; what the image installs.\n"


def resolve() -> list[dict[str, object]]:
    """Ask pip what it would install."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
    ]
    command += ["--only-binary=:all:", "--report=-", "--constraint=constraints.txt", "."]
    done = subprocess.run(command, cwd=TOP, check=True, stdout=subprocess.PIPE, text=True)
    return list(json.loads(done.stdout)["install"])


def line(package: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    """Return the requirement of one package."""
    metadata, info = package["metadata"], package["download_info"]
    digest = info["archive_info"]["hashes"]["sha256"]
    return f"{metadata['name']}=={metadata['version']} --hash=sha256:{digest}\n"


def main() -> None:
    """Write the file."""
    packages = [p for p in resolve() if p["metadata"]["name"] != "smartms"]
    lines = sorted((line(package) for package in packages), key=str.lower)
    (TOP / "containers" / "requirements.txt").write_text(HEADER + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
