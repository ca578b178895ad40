"""``smartms review``: readers rate pictures in the browser."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartms_img.cli.console import say
from smartms_img.config import load_study
from smartms_img.errors import InputError
from smartms_img.execution.dataset import CONFIG_FILE, check_output
from smartms_img.io.lock import refuse_locked
from smartms_img.io.results import read_results

if TYPE_CHECKING:
    from smartms_img.qc.review.guard import Guard

FOLDER = "review"


def review(
    out: Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")],
    reader: Annotated[
        str, typer.Option(help="Your pseudonym: letters, digits, '-'; it stands in the ratings.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    adjudicate: Annotated[
        bool, typer.Option("--adjudicate", help="Rate what two readers disagree about.")
    ] = False,
    db: Annotated[
        str, typer.Option(help="Database of a team; by default a file below OUT.", metavar="URL")
    ] = "",
) -> None:
    """Rate the pictures of an output, blinded; ends with Ctrl-C.

    The address that is printed opens the review in one browser on this machine. Ratings are lines
    of ratings.jsonl below OUT, and decide rows when 'smartms tables' writes them again.

    Example: smartms review /data/derivatives/smartms --reader R1
    """
    # SQLAlchemy and the web server take time to import.
    from smartms_img.qc.review.desk import Desk  # noqa: PLC0415
    from smartms_img.qc.review.server import review_app  # noqa: PLC0415
    from smartms_img.qc.review.store import Store  # noqa: PLC0415

    check_output(out)
    refuse_locked(out)
    if not (reader.isascii() and reader.replace("-", "").isalnum() and len(reader) <= 32):
        raise InputError(f"'{reader}' is no pseudonym", "Use up to 32 letters, digits and '-'")
    results = read_results(out, load_study(out / CONFIG_FILE))
    store = Store(db or _own_database(out))
    desk = Desk(out, results, store, reader, "adjudicator" if adjudicate else "reader")
    with socket.create_server(("127.0.0.1", port)) as listening:
        guard = review_app(desk, listening.getsockname()[1])
        say(f"review of {len(desk.queue())} items: {guard.address}")
        say("Ctrl-C ends it; what is rated is kept.")
        _serve(guard, listening)
    store.close()


def _own_database(out: Path) -> str:
    (out / FOLDER).mkdir(exist_ok=True)
    return f"sqlite:///{out / FOLDER / 'review.sqlite'}"


def _serve(guard: Guard, listening: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 - as above

    # No log of requests, and no header that tells what or when.
    settings = uvicorn.Config(
        guard, log_level="error", access_log=False, server_header=False, date_header=False
    )
    uvicorn.Server(settings).run(sockets=[listening])
