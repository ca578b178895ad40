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

STDOUT = Console(highlight=False, soft_wrap=True)
STDERR = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str, *, error: bool = False) -> None:
    """Print one line as it is: brackets in it are no markup."""
    (STDERR if error else STDOUT).print(line, markup=False)


def check_folder(path: Path) -> None:
    """Raise InputError if a folder cannot be made or written there; write nothing."""
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        raise InputError("is a file", "Give a folder", file=nearest.name)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError("cannot be written", "Give another folder", file=path.name)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, tab-separated elsewhere."""
    if not STDOUT.is_terminal:
        for row in (header, *rows):
            say("\t".join(row))
        return
    # Ids are folded rather than cut: users copy them.
    table = Table(*(Column(name, overflow="fold") for name in header))
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    STDOUT.print(table)


class Counter:
    """Counts things that are done: a bar on a terminal, lines elsewhere, nothing when quiet."""

    def __init__(self, what: str, *, quiet: bool) -> None:
        self._quiet = quiet
        self._progress = Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=STDERR,
            transient=True,
            disable=quiet or not STDERR.is_terminal,
        )
        self._task = self._progress.add_task(what, total=None)

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

    def step(self, position: int, total: int, line: str = "") -> None:
        """Show that ``position`` of ``total`` are done, and say the line."""
        self._progress.update(self._task, completed=position, total=total)
        if line and not self._quiet:
            say(line)
