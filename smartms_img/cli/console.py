"""How commands talk: tables and progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from smartms_img.errors import InputError
from smartms_img.io.lock import refuse_locked

STDOUT = Console(highlight=False, soft_wrap=True)
STDERR = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str, *, error: bool = False) -> None:
    """Print one line as it is: brackets in it are no markup."""
    (STDERR if error else STDOUT).print(line, markup=False)


def check_folder(path: Path) -> None:
    """Raise InputError if a folder is locked, or cannot be made or written; write nothing."""
    for folder in (path.resolve(), *path.resolve().parents):
        if folder.is_dir():
            refuse_locked(folder)
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        raise InputError("is a file", "Give a folder", file=nearest.name)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError("cannot be written", "Give another folder", file=path.name)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, tab-separated elsewhere."""
    if not STDOUT.is_terminal:
        # Rich would make spaces of tabs.
        STDOUT.file.write("".join("\t".join(row) + "\n" for row in (header, *rows)))
        return
    # Ids are folded rather than cut: users copy them.
    table = Table(*(Column(name, overflow="fold") for name in header))
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    STDOUT.print(table)


def duration(seconds: float) -> str:
    """Write a time for people.

    >>> [duration(s) for s in (0, 50, 3540, 9000, 200000)]
    ['0 s', '50 s', '59 min', '2.5 h', '56 h']
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3570:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"


class Counter:
    """Counts things that are done: a bar on a terminal, lines elsewhere, nothing when quiet."""

    def __init__(self, what: str, *, quiet: bool) -> None:
        self._quiet = quiet
        self._progress = Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=STDERR,
            transient=True,
            disable=quiet or not STDERR.is_terminal,
        )
        self._task = self._progress.add_task(what, total=None, left="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def step(self, position: int, total: int, line: str = "", *, left: str = "") -> None:
        """Show that ``position`` of ``total`` are done; say the line and the time left."""
        more = f"about {left} left" if left and position < total else ""
        self._progress.update(self._task, completed=position, total=total, left=more)
        if line and not self._quiet:
            say(f"{line}; {more}" if more else line)
