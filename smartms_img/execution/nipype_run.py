"""Run one nipype workflow in this process, with nothing read from the user's nipype settings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from nipype import config
from nipype.pipeline.engine import Workflow

from smartms_img.execution.worker import UnitError
from smartms_img.interfaces.base import ERROR_FILE_VARIABLE
from smartms_img.io.atomic import is_disk_full
from smartms_img.io.ledger import Cause

_CAUSES: dict[str, Cause] = {
    "InputError": "bad-input",
    "ConfigurationError": "bad-input",
    "MeasurementError": "measurement-error",
}


def run_workflow(workflow: Workflow, work: Path) -> None:
    """Run a workflow with the Linear plugin: one process, one thread, one node after another.

    Parameters
    ----------
    workflow : Workflow
        Graph to run.
    work : Path
        Scratch folder for its nodes and crash files.

    Raises
    ------
    UnitError
        If a node failed; with the user's line where the node raised one of smartms's errors.
    """
    settings = nipype_settings(work)
    config.update_config(settings)
    workflow.config = settings
    workflow.base_dir = str(work)
    error_file = work / "error.json"
    os.environ[ERROR_FILE_VARIABLE] = str(error_file)
    try:
        workflow.run(plugin="Linear")
    except Exception as error:
        raise _explain(error, error_file) from error


def nipype_settings(work: Path) -> dict[str, dict[str, Any]]:
    """Return every nipype setting that matters here, by section."""
    return {
        "execution": {
            "check_version": "false",
            "crashdump_dir": str(work),
            "crashfile_format": "txt",
            "create_report": "false",
            "hash_method": "content",
            "keep_inputs": "true",
            "plugin": "Linear",
            "remove_node_directories": "false",
            "remove_unnecessary_outputs": "false",
            "stop_on_first_crash": "true",
            "use_relative_paths": "false",
        },
        "logging": {"log_to_file": "false", "log_directory": str(work)},
        "monitoring": {"enabled": "false"},
    }


def _explain(error: Exception, error_file: Path) -> UnitError:
    if error_file.is_file():
        content = json.loads(error_file.read_text(encoding="utf-8"))
        return UnitError(_CAUSES.get(content["kind"], "python-error"), content["message"])
    # nipype ends its message with the traceback of the node, whose last line is the exception.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[-1] == KeyboardInterrupt.__name__:
        raise KeyboardInterrupt from error
    if is_disk_full(error):
        return UnitError("disk-full", "the disk of the scratch folder is full")
    return UnitError("python-error", lines[-1] if lines else type(error).__name__)
