"""The history of locks: one line an act, each with the SHA-256 of the line before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from smartms_img.io.atomic import atomic_path
from smartms_img.io.lock_manifest import HISTORY_FILE, Difference, Manifest


@dataclass(frozen=True)
class Act:
    """One line: that an output was locked or unlocked; it names no person and no place.

    Attributes
    ----------
    act : {'lock', 'unlock'}
        What was done.
    number : int
        Of the lock that was set or opened; 0 where that is unknown.
    time : str
        UTC, ISO 8601.
    manifest_sha256 : str
        Digest of the manifest of that lock; empty where it is unknown.
    reason : str
        Why it was unlocked; empty for a lock.
    previous_sha256 : str
        SHA-256 of the line before, empty for the first line.
    """

    act: Literal["lock", "unlock"]
    number: int
    time: str
    manifest_sha256: str
    reason: str
    previous_sha256: str


_ACTS = TypeAdapter(Act)


def act_of(manifest: Manifest) -> Act:
    """Return the act that stands in the history for a lock: the manifest fixes it in full."""
    return Act(
        "lock", manifest.number, manifest.time, manifest.digest, "", manifest.history_sha256
    )


def append(out: Path, act: Act) -> None:
    """Add a line."""
    content = _content(out)
    gap = b"\n" if content and not content.endswith(b"\n") else b""
    # Written anew as a whole: a full disk must not leave half a line.
    with atomic_path(out / HISTORY_FILE) as temporary:
        temporary.write_bytes(content + gap + _line(act) + b"\n")


def last_digest(out: Path) -> str:
    """Return the SHA-256 of the last line, empty where there is none."""
    lines = _lines(out)
    return _digest(lines[-1]) if lines else ""


def read_acts(out: Path) -> list[Act]:
    """Return the acts in their order, without lines that are damaged."""
    acts = (_parse(line) for line in _lines(out))
    return [act for act in acts if act is not None]


def check_history(out: Path, manifest: Manifest | None) -> list[Difference]:
    """Return each line that was edited, or that misses the line before it.

    Parameters
    ----------
    out : Path
        Output directory.
    manifest : Manifest or None
        Of the present lock, which fixes the last line; None where it is lost.
    """
    lines = _lines(out)
    if not lines:
        return [Difference("missing", HISTORY_FILE)]
    found = []
    before = ""
    for number, line in enumerate(lines, start=1):
        act = _parse(line)
        if act is None:
            found.append(_edited(f"line {number} is damaged"))
        elif act.previous_sha256 != before:
            found.append(_edited(f"line {number} does not follow from the line before it"))
        before = _digest(line)
    if manifest and lines[-1] != _line(act_of(manifest)):
        found.append(_edited(f"line {len(lines)} is not the present lock"))
    elif not _content(out).endswith(b"\n"):
        found.append(_edited("the end of the last line is missing"))
    return found


def _edited(detail: str) -> Difference:
    return Difference("changed", HISTORY_FILE, detail)


def _content(out: Path) -> bytes:
    try:
        return (out / HISTORY_FILE).read_bytes()
    except FileNotFoundError:
        return b""


def _lines(out: Path) -> list[bytes]:
    content = _content(out)
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _line(act: Act) -> bytes:
    return json.dumps(asdict(act)).encode()


def _parse(line: bytes) -> Act | None:
    try:
        return _ACTS.validate_json(line, strict=True)
    except ValueError:
        return None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
