"""The manifest of a locked output: size and SHA-256 of every file that counts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import TypeAdapter

from smartms_img.config import content_digest
from smartms_img.errors import InputError
from smartms_img.io.atomic import sha256, write_json

LOCK_FILE = "lock.json"
LOCKS_FOLDER = "locks"
HISTORY_FILE = "lock_history.jsonl"
FORMAT = 1

# Scratch files and logs come and go; what the lock itself writes is covered by its history.
_FOLDERS_LEFT_OUT = frozenset({"work", "logs", LOCKS_FOLDER})
_FILES_LEFT_OUT = frozenset({LOCK_FILE, HISTORY_FILE})
# Leases of units come and go with them.
_TRANSIENT = re.compile(r"ledger/[^/]+/(lease\.json|\.lease\.json-\d+)")

Step = Callable[[int, int], None]
"""Told how many files of how many have been read."""


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and SHA-256 of a file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a lock has frozen.

    Attributes
    ----------
    format : int
        Version of this format.
    number : int
        Count of the locks of this output, from 1.
    time : str
        UTC, ISO 8601.
    smartms : str
        Version of smartms that locked.
    history_sha256 : str
        SHA-256 of the last line of the history before this lock, empty for the first.
    endpoints_sha256 : str
        SHA-256 of the compressed endpoint table that is kept of this lock.
    files : dict of str to FileRecord
        By path relative to the output directory.
    """

    format: int
    number: int
    time: str
    smartms: str
    history_sha256: str
    endpoints_sha256: str
    files: dict[str, FileRecord]

    @property
    def digest(self) -> str:
        """SHA-256 of the content, which also stands in the file."""
        return content_digest(asdict(self))


@dataclass(frozen=True)
class Difference:
    """A file that is not as it was when the output was locked."""

    what: Literal["changed", "missing", "new"]
    file: str
    detail: str = ""


_CONTENT = TypeAdapter(dict[str, object])
_MANIFESTS = TypeAdapter(Manifest)


def counted_files(out: Path) -> list[str]:
    """Return every file below an output directory that counts, sorted.

    That is all but ``work/``, ``logs/``, the files of the lock itself (``lock.json``, ``locks/``,
    ``lock_history.jsonl``) and leases.
    """
    found: list[str] = []
    for folder, subfolders, names in os.walk(out, onerror=_raise):
        relative = Path(folder).relative_to(out)
        if relative == Path():
            subfolders[:] = [name for name in subfolders if name not in _FOLDERS_LEFT_OUT]
            names = [name for name in names if name not in _FILES_LEFT_OUT]  # noqa: PLW2901
        # A link to a folder is not followed: it is shown as a file of its own.
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        found += [(relative / name).as_posix() for name in (*names, *links)]
    return sorted(name for name in found if not _TRANSIENT.fullmatch(name))


def record_files(out: Path, step: Step) -> dict[str, FileRecord]:
    """Read every file that counts.

    Raises
    ------
    InputError
        If one of them is no regular file: what it leads to cannot be frozen.
    """
    names = counted_files(out)
    records: dict[str, FileRecord] = {}
    for position, name in enumerate(names, start=1):
        path = out / name
        if path.is_symlink() or not path.is_file():
            raise InputError("is no regular file", "Remove it, or put a copy there", file=name)
        records[name] = FileRecord(path.stat().st_size, sha256(path))
        step(position, len(names))
    return records


def differences(out: Path, manifest: Manifest, step: Step) -> list[Difference]:
    """Return every file that is not as the manifest has it, sorted by path."""
    found = [Difference("new", name) for name in counted_files(out) if name not in manifest.files]
    for position, (name, record) in enumerate(manifest.files.items(), start=1):
        path = out / name
        if not path.is_file():
            found.append(Difference("missing", name))
        elif path.is_symlink():
            found.append(Difference("changed", name, "is a link now"))
        elif (size := path.stat().st_size) != record.size:
            detail = f"{size} bytes instead of {record.size}"
            found.append(Difference("changed", name, detail))
        elif sha256(path) != record.sha256:
            found.append(Difference("changed", name, "same size, other content"))
        step(position, len(manifest.files))
    return sorted(found, key=lambda difference: difference.file)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest with its own digest."""
    write_json(path, {"sha256": manifest.digest} | asdict(manifest))


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    InputError
        If there is none, or its content is not what its digest says.
    """
    remedy = "Restore it from a backup"
    try:
        content = _CONTENT.validate_json(path.read_bytes())
        digest = content.pop("sha256", "")
        manifest = _MANIFESTS.validate_python(content)
    except (OSError, ValueError) as error:
        problem = "is no manifest of a lock" if path.is_file() else "is missing"
        raise InputError(problem, remedy, file=path.name) from error
    if manifest.digest != digest or manifest.format != FORMAT:
        raise InputError("was changed after it was written", remedy, file=path.name)
    return manifest


def _raise(error: OSError) -> NoReturn:
    raise error
