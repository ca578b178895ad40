"""Processes that share work, and end with the process that started them."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread


def process_pool(count: int) -> ProcessPoolExecutor:
    """Return a pool of so many processes, each with an interpreter of its own."""
    return ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    """End this process when its parent does: who is killed cannot tell a pool to stop."""
    Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
