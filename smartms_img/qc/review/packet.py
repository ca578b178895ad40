"""The review for readers without a server: a folder that opens from disk, and what comes back."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smartms_img.errors import InputError
from smartms_img.io.atomic import write_text
from smartms_img.qc.review.desk import Desk, Returned
from smartms_img.qc.review.server import STATIC

PAGE = "index.html"
_OFFLINE = Path(__file__).parent / "packet_page"
_KEPT = ("key", "title", "question", "reasons", "examples", "shown", "pictures", "others")
_SUFFIXES = {"image/png": ".png", "image/webp": ".webp"}
_LARGEST_BYTES = 50_000_000


class _Keyed(Returned):
    key: str


class _Returns(BaseModel):
    """The file that a reader sends back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packet: str
    ratings: tuple[_Keyed, ...] = Field(max_length=1_000_000)


@dataclass(frozen=True)
class Merged:
    """What became of a file of ratings: how many are new, were known, and which are refused."""

    new: int
    known: int
    refused: tuple[str, ...]


def write_packet(desk: Desk, folder: Path) -> int:
    """Write the folder of a reader; open ``index.html`` in it. Return the number of items.

    It holds what the server would show, and nothing else: no subject, no visit, no verdict of
    another reader. What the reader has rated before is left out.

    Raises
    ------
    InputError
        If the folder is there already.
    """
    if folder.exists():
        raise InputError("is there already", "Give a folder that is not", file=folder.name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".tmp-", dir=folder.parent) as name:
            whole = Path(name) / "packet"
            count = _fill(desk, whole)
            whole.replace(folder)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise InputError(problem, "Give another folder", file=folder.name) from error
    return count


def _fill(desk: Desk, folder: Path) -> int:
    (folder / "pictures").mkdir(parents=True)
    slots = []
    for entry in desk.queue():
        if entry.verdict:
            continue
        view = asdict(desk.view(entry.key))
        files = [
            _write_picture(desk, folder, entry.key, number + 1)
            for number in range(sum(view["pictures"]))
        ]
        kept = {name: view[name] for name in _KEPT}
        slots.append(kept | {"files": files})
    content = {"id": desk.packet_id, "reader": desk.reader, "slots": slots}
    write_text(folder / "packet.js", f"window.packet = {json.dumps(content, indent=1)};\n")
    for path in (*STATIC.glob("*.*"), *_OFFLINE.glob("*.js")):
        shutil.copyfile(path, folder / path.name)
    page = (folder / "review.html").read_text(encoding="utf-8").replace("/static/", "")
    scripts = "".join(
        f'<script defer src="{name}.js"></script>\n' for name in ("packet", "offline")
    )
    write_text(folder / PAGE, page.replace("<script defer", f"{scripts}<script defer", 1))
    (folder / "review.html").unlink()
    return len(slots)


def _write_picture(desk: Desk, folder: Path, key: str, number: int) -> str:
    content, media = desk.picture(key, number)
    name = f"pictures/{key}-{number}{_SUFFIXES[media]}"
    (folder / name).write_bytes(content)
    return name


def merge_packet(desk: Desk, file: Path) -> Merged:
    """Add the ratings that a reader has sent back.

    What was added before is passed over, so that a file can be merged again; what is refused does
    not keep the others out.

    Raises
    ------
    InputError
        If the file is no such file, or of another reader or study.
    """
    returned = _read(file)
    if returned.packet != desk.packet_id:
        raise InputError(
            f"is not of {desk.reader} and this output", "Name its reader", file=file.name
        )
    refused: list[str] = []
    new = known = 0
    before: dict[str, list[Returned]] = {}
    for keyed in returned.ratings:
        try:
            if keyed.key not in before:
                before[keyed.key] = desk.history(keyed.key)
            # What was merged before is there in the same order; other words may lie between.
            given = Returned(**keyed.model_dump(exclude={"key"}))
            if given in before[keyed.key]:
                del before[keyed.key][: before[keyed.key].index(given) + 1]
                known += 1
            else:
                desk.rate(keyed.key, keyed.said, keyed.shown)
                new += 1
        except InputError as error:
            refused.append(f"item {keyed.key}: {error.problem}")
    return Merged(new, known, tuple(refused))


def _read(file: Path) -> _Returns:
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise ValueError("too large")
        return _Returns.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError("cannot be read", "Check the path", file=file.name) from error
    except (ValidationError, ValueError) as error:
        remedy = "Give the file that 'Save my ratings' wrote"
        raise InputError("is no file of ratings", remedy, file=file.name) from error
