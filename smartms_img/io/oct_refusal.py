"""What every reader of OCT exports says when it refuses one."""

from __future__ import annotations

from smartms_img.errors import InputError


def damaged(problem: str, file: str) -> InputError:
    """Return the error of a file that another export would mend."""
    return InputError(problem, "Export the scan again", file=file)


def unknown_pattern(file: str, patterns: str = "line, ring or volume") -> InputError:
    """Return the error of a star scan, or of B-scans that lie in no known way."""
    remedy = f"Export a {patterns} scan"
    return InputError("has a radial or unknown scan pattern", remedy, file=file)
