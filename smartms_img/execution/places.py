"""Input, output and scratch folders of a run, checked before anything is written."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smartms_img.errors import InputError


@dataclass(frozen=True)
class Places:
    """Absolute paths of the dataset, the output directory, and the scratch folder."""

    bids: Path
    out: Path
    work: Path


def check_places(bids: Path, out: Path, work: Path | None = None) -> Places:
    """Return absolute paths; the scratch folder is ``work`` below the output by default.

    Raises
    ------
    InputError
        If the dataset does not exist; if output or scratch lie among the raw data or hold the
        dataset; if the output folder is another dataset, or cannot be written.
    """
    if not bids.is_dir():
        raise InputError("is no folder", "Give the path of a BIDS dataset", file=bids.name)
    places = Places(bids.resolve(), out.resolve(), (work or out / "work").resolve())
    for folder in (places.out, places.work):
        refuse_raw(places.bids, folder)
    _refuse_other_dataset(places.out)
    try:
        for folder in (places.out, places.work):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise InputError(
            f"cannot be written ({reason})", "Give another folder", file=out.name
        ) from error
    # It comes back with the first unit.
    with suppress(OSError):
        places.work.rmdir()
    return places


def refuse_raw(bids: Path, folder: Path) -> None:
    """Raise InputError if a folder to write into lies among the raw data or holds the dataset."""
    remedy = "Give a folder outside the dataset, or below its derivatives/"
    if bids.is_relative_to(folder):
        raise InputError("holds the dataset", remedy, file=folder.name)
    if folder.is_relative_to(bids):
        parts = folder.relative_to(bids).parts
        if parts[0] != "derivatives" or len(parts) < 2:
            raise InputError("lies among the raw data", remedy, file=folder.name)


def _refuse_other_dataset(out: Path) -> None:
    description = out / "dataset_description.json"
    if not description.is_file():
        return
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
        makers = [maker["Name"] for maker in content.get("GeneratedBy", [])]
    except (ValueError, AttributeError, TypeError, KeyError):
        makers = []
    if "smartms" not in makers:
        raise InputError("holds another dataset", "Give an empty folder", file=out.name)
