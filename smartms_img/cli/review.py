"""``smartms review``, ``review-export`` and ``review-import``: readers rate pictures."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartms_img.cli.console import check_folder, say
from smartms_img.config import load_study
from smartms_img.errors import ExitCode, InputError
from smartms_img.execution.dataset import CONFIG_FILE, check_output
from smartms_img.io.lock import refuse_locked
from smartms_img.io.ratings import COPY_FILE
from smartms_img.io.results import read_results

if TYPE_CHECKING:
    from smartms_img.qc.review.desk import Desk
    from smartms_img.qc.review.guard import Guard

_LONGEST_NAME = 32

Out = Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")]
Reader = Annotated[
    str, typer.Option(help="Pseudonym: letters, digits and '-'; it stands in the ratings.")
]
Adjudicate = Annotated[
    bool, typer.Option("--adjudicate", help="Rate what two readers disagree about.")
]
Database = Annotated[
    str, typer.Option(help="Database of a team; by default a file below OUT.", metavar="URL")
]
Viewer = Annotated[
    Path | None,
    typer.Option(help="NiiVue's niivue.umd.js, for a view in three dimensions.", metavar="FILE"),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but what was asked for.")]


def review(
    out: Out,
    reader: Reader,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    adjudicate: Adjudicate = False,
    db: Database = "",
    niivue: Viewer = None,
    quiet: Quiet = False,
) -> None:
    """Rate the pictures of an output in the browser, blinded; ends with Ctrl-C.

    The address that is printed opens the review in one browser on this machine. Ratings are lines
    of ratings.jsonl below OUT, and decide rows when 'smartms tables' writes them again.

    Example: smartms review /data/derivatives/smartms --reader R1
    """
    # The web server takes time to import.
    from smartms_img.qc.review.server import review_app  # noqa: PLC0415

    script = _script(niivue) if niivue else b""
    with (
        _desk(out, reader, db, adjudicate=adjudicate) as desk,
        _listening(port) as listening,
    ):
        guard = review_app(desk, listening.getsockname()[1], script)
        typer.echo(guard.address)
        if not quiet:
            say(f"{len(desk.queue())} items. Ctrl-C ends it; what is rated is kept.")
        _serve(guard, listening)


def review_export(
    out: Out,
    folder: Annotated[Path, typer.Argument(help="Folder to make for the reader.")],
    reader: Reader,
    adjudicate: Adjudicate = False,
    db: Database = "",
    quiet: Quiet = False,
) -> None:
    """Make a folder in which a reader without a server rates what is not yet rated.

    The reader opens index.html in it, and sends back the file that 'Save my ratings' writes.

    Example: smartms review-export /data/derivatives/smartms /data/for-R2 --reader R2
    """
    from smartms_img.qc.review.packet import write_packet  # noqa: PLC0415 - as above

    check_folder(folder.parent)
    with _desk(out, reader, db, adjudicate=adjudicate) as desk:
        count = write_packet(desk, folder)
    if not quiet:
        say(f"{count} items for {reader}: {folder.name}/index.html")


def review_import(
    out: Out,
    file: Annotated[Path, typer.Argument(help="What the reader has sent back.")],
    reader: Reader,
    adjudicate: Adjudicate = False,
    db: Database = "",
    quiet: Quiet = False,
) -> None:
    """Add the ratings that a reader has sent back; the same file again adds nothing.

    Exit code 3: some were refused, one line each; all others are added.

    Example: smartms review-import /data/derivatives/smartms ratings-R2.json --reader R2
    """
    from smartms_img.qc.review.packet import merge_packet  # noqa: PLC0415 - as above

    with _desk(out, reader, db, adjudicate=adjudicate) as desk:
        merged = merge_packet(desk, file)
    for line in merged.refused:
        say(line)
    if not quiet:
        refused = len(merged.refused)
        say(f"{merged.new} ratings added, {merged.known} were there, {refused} refused")
    if merged.refused:
        raise typer.Exit(ExitCode.SOME_UNITS_FAILED)


def _script(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("cannot be read", "Check the path", file=path.name) from error
    if b".niivue={}" not in content:
        remedy = "Give dist/niivue.umd.js of the package @niivue/niivue"
        raise InputError("is not NiiVue", remedy, file=path.name)
    return content


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        problem = f"port {port} cannot be used ({error.strerror})"
        raise InputError(problem, "Choose another with --port, or leave it out") from error


@contextmanager
def _desk(out: Path, reader: str, db: str, *, adjudicate: bool) -> Iterator[Desk]:
    # SQLAlchemy takes time to import.
    from smartms_img.qc.review.desk import Desk  # noqa: PLC0415
    from smartms_img.qc.review.store import Store  # noqa: PLC0415

    check_output(out)
    refuse_locked(out)
    is_name = reader.isascii() and reader.replace("-", "").isalnum()
    if not is_name or len(reader) > _LONGEST_NAME:
        raise InputError(f"'{reader}' is no pseudonym", "Use up to 32 letters, digits and '-'")
    results = read_results(out, load_study(out / CONFIG_FILE))
    store = Store(db or _own_database(out))
    try:
        yield Desk(out, results, store, reader, "adjudicator" if adjudicate else "reader")
    finally:
        store.close()


def _own_database(out: Path) -> str:
    path = out / COPY_FILE
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        problem = f"{path.parent.name}/ cannot be written ({error.strerror})"
        raise InputError(problem, "Ask who owns the folder", file=out.name) from error
    return f"sqlite:///{path}"


def _serve(guard: Guard, listening: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 - as above

    # No log of requests, and no header that tells what or when.
    settings = uvicorn.Config(
        guard, log_level="error", access_log=False, server_header=False, date_header=False
    )
    uvicorn.Server(settings).run(sockets=[listening])
