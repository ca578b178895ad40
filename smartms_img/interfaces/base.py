"""The nipype base of all interfaces: results in a dict, user errors kept in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterface, Bunch

from smartms_img.errors import SmartmsError
from smartms_img.io.atomic import write_json

ERROR_FILE_VARIABLE = "SMARTMS_ERROR_FILE"


class SimpleInterface(BaseInterface):
    """An interface whose `_compute` reads, calls one pure function, writes, and stores results.

    Subclasses set ``input_spec`` and ``output_spec`` and fill ``self._results`` in
    ``_compute(folder)``. A :class:`SmartmsError` is also written to the file that the environment
    variable ``SMARTMS_ERROR_FILE`` names, because nipype wraps what a node raises in its own
    text.
    """

    def __init__(self, **inputs: Any) -> None:
        super().__init__(**inputs)
        self._results: dict[str, Any] = {}

    def _compute(self, folder: Path) -> None:
        raise NotImplementedError

    def _run_interface(self, runtime: Bunch) -> Bunch:
        try:
            self._compute(Path(runtime.cwd))
        except SmartmsError as error:
            if path := os.environ.get(ERROR_FILE_VARIABLE):
                content = {"kind": type(error).__name__, "message": str(error)}
                write_json(Path(path), content)
            raise
        return runtime

    def _list_outputs(self) -> dict[str, Any]:
        return self._results
