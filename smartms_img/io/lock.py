"""Freeze an output directory, prove that nothing changed since, and open it again.

``lock.json`` is the manifest of the present lock. Every lock also stays in ``locks/``, with the
endpoint table of its time, so that two locks can be compared; ``lock_history.jsonl`` says what was
done when. An output is locked while it has a ``lock.json`` or the history ends with a lock.
"""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

from smartms_img import __version__
from smartms_img.errors import InputError
from smartms_img.io.atomic import atomic_path, sha256
from smartms_img.io.layout import TABLES_FOLDER
from smartms_img.io.lock_history import (
    Act,
    act_of,
    append,
    check_history,
    last_digest,
    read_acts,
)
from smartms_img.io.lock_manifest import (
    FORMAT,
    LOCK_FILE,
    LOCKS_FOLDER,
    Difference,
    Manifest,
    Step,
    differences,
    read_manifest,
    record_files,
    write_manifest,
)

ENDPOINTS = f"{TABLES_FOLDER}/endpoints.tsv"
_READ_ONLY, _WRITABLE = 0o444, 0o644
_KEPT = re.compile(r"lock-(\d{4,})\.json")


def is_locked(out: Path) -> bool:
    """Tell whether an output directory is locked."""
    acts = read_acts(out)
    return (out / LOCK_FILE).exists() or bool(acts and acts[-1].act == "lock")


def refuse_locked(out: Path) -> None:
    """Raise InputError if an output directory is locked; one that does not exist is not."""
    if is_locked(out):
        remedy = f"Open it with: smartms unlock {out.name} --reason '...'"
        raise InputError("is locked", remedy, file=out.name)


def lock_output(out: Path, step: Step) -> Manifest:
    """Lock an output directory; the files of its tables become read-only.

    That it is an output whose tables are complete and up to date is for the caller to see.

    Parameters
    ----------
    out : Path
        Output directory.
    step : callable
        Told how many files of how many have been read.

    Returns
    -------
    Manifest
        Of the new lock.

    Raises
    ------
    InputError
        If it is locked already, something in it is no regular file, or the tables belong to
        another user. Nothing is written then.
    """
    refuse_locked(out)
    known = [*kept_locks(out), *(act.number for act in read_acts(out))]
    number = max(known, default=0) + 1
    files = record_files(out, step)
    _set_mode(out, _READ_ONLY)
    endpoints = _kept_endpoints(out, number)
    with atomic_path(endpoints) as temporary:
        # Without the time that gzip would write, the same table is the same bytes.
        temporary.write_bytes(gzip.compress((out / ENDPOINTS).read_bytes(), mtime=0))
    manifest = Manifest(
        format=FORMAT,
        number=number,
        time=_now(),
        smartms=__version__,
        history_sha256=last_digest(out),
        endpoints_sha256=sha256(endpoints),
        files=files,
    )
    write_manifest(_kept_manifest(out, number), manifest)
    append(out, act_of(manifest))
    write_manifest(out / LOCK_FILE, manifest)
    return manifest


def verify_output(out: Path, step: Step) -> tuple[Manifest, list[Difference]]:
    """Return the manifest of a locked output, and all that is not as it was then.

    That includes an edited history, and the manifests and tables kept of all locks.

    Raises
    ------
    InputError
        If the output is not locked, or its manifest is missing or damaged.
    """
    _refuse_open(out)
    if not (out / LOCK_FILE).exists():
        kept = _kept_manifest(out, read_acts(out)[-1].number).relative_to(out)
        remedy = f"Copy {kept.as_posix()} to {LOCK_FILE}"
        raise InputError("is missing, though the history ends with a lock", remedy, file=LOCK_FILE)
    manifest = read_manifest(out / LOCK_FILE)
    found = differences(out, manifest, step)
    return manifest, [*found, *check_history(out, manifest), *_check_kept(out)]


def unlock_output(out: Path, reason: str) -> list[Difference]:
    """Unlock an output directory, and log why.

    Parameters
    ----------
    out : Path
        Output directory.
    reason : str
        One line, for the history.

    Returns
    -------
    list of Difference
        What the history had lost before: with the lock ends what would show it later.

    Raises
    ------
    InputError
        If the output is not locked, the reason is empty or of several lines, or the tables belong
        to another user.
    """
    _refuse_open(out)
    if len(reason.split()) == 0 or len(reason.strip().splitlines()) > 1:
        raise InputError("the reason is not one line of text", "Give it with --reason 'TEXT'")
    manifest = _present_manifest(out)
    lost = check_history(out, manifest)
    number, digest = (manifest.number, manifest.digest) if manifest else _last_lock(out)
    _set_mode(out, _WRITABLE)
    append(out, Act("unlock", number, _now(), digest, reason.strip(), last_digest(out)))
    (out / LOCK_FILE).unlink(missing_ok=True)
    return lost


def kept_locks(out: Path) -> list[int]:
    """Return the numbers of all locks that an output directory has had, in their order."""
    names = (_KEPT.fullmatch(path.name) for path in (out / LOCKS_FOLDER).glob("*"))
    return sorted(int(name[1]) for name in names if name)


def read_kept(out: Path, number: int) -> tuple[Manifest, str]:
    """Return the manifest of a lock, and its endpoint table as text.

    Raises
    ------
    InputError
        If one of them is missing, or was changed.
    """
    manifest = read_manifest(_kept_manifest(out, number))
    path = _kept_endpoints(out, number)
    if not path.is_file() or sha256(path) != manifest.endpoints_sha256:
        problem = "was changed since the lock" if path.is_file() else "is missing"
        raise InputError(problem, "Restore it from a backup", file=path.name)
    return manifest, gzip.decompress(path.read_bytes()).decode()


def _check_kept(out: Path) -> list[Difference]:
    """Return what is not as it was of the manifests and tables of all locks in the history."""
    locks = [act.number for act in read_acts(out) if act.act == "lock"]
    known = {place(out, number) for number in locks for place in (_kept_manifest, _kept_endpoints)}
    # Without a history nothing can be said of the files; that it is gone is said already.
    there = sorted(path for path in (out / LOCKS_FOLDER).rglob("*") if locks and not path.is_dir())
    found = [
        Difference("new", path.relative_to(out).as_posix()) for path in there if path not in known
    ]
    for act in read_acts(out):
        if act.act == "unlock":
            continue
        name = _kept_manifest(out, act.number).relative_to(out).as_posix()
        try:
            if read_kept(out, act.number)[0].digest != act.manifest_sha256:
                found.append(Difference("changed", name, "is not that of the history"))
        except InputError as error:
            missing = error.problem == "is missing"
            file = f"{LOCKS_FOLDER}/{error.file}"
            found.append(Difference("missing" if missing else "changed", file))
    return found


def _refuse_open(out: Path) -> None:
    if not is_locked(out):
        raise InputError("is not locked", f"Run: smartms lock {out.name}", file=out.name)


def _present_manifest(out: Path) -> Manifest | None:
    try:
        return read_manifest(out / LOCK_FILE)
    except InputError:
        return None


def _last_lock(out: Path) -> tuple[int, str]:
    """Return number and digest of the last lock, as far as the history still knows them."""
    locks = [act for act in read_acts(out) if act.act == "lock"]
    return (locks[-1].number, locks[-1].manifest_sha256) if locks else (0, "")


def _kept_manifest(out: Path, number: int) -> Path:
    return out / LOCKS_FOLDER / f"lock-{number:04d}.json"


def _kept_endpoints(out: Path, number: int) -> Path:
    return out / LOCKS_FOLDER / f"endpoints-{number:04d}.tsv.gz"


def _set_mode(out: Path, mode: int) -> None:
    for path in sorted((out / TABLES_FOLDER).rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            path.chmod(mode)
        except PermissionError as error:
            name = path.relative_to(out).as_posix()
            remedy = "Let the owner do this"
            raise InputError("belongs to another user", remedy, file=name) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
