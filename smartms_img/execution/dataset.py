"""The files that make the output directory a BIDS derivative dataset of its own."""

from __future__ import annotations

import os
from importlib.metadata import distribution
from json import loads
from pathlib import Path
from typing import Any

import yaml

from smartms_img.config import StudyConfig, study_digest
from smartms_img.errors import InputError
from smartms_img.execution.survey import Survey
from smartms_img.execution.versions import versions
from smartms_img.io.atomic import sha256, write_json, write_text
from smartms_img.io.participants import FILE as PARTICIPANTS_FILE
from smartms_img.io.participants import OPTIC_NEURITIS_COLUMN
from smartms_img.io.plan_table import PLAN_FILE
from smartms_img.io.sessions import sessions_file
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import Eye

CONFIG_FILE = "smartms_config.yaml"
RUN_FILE = "run.json"
# What is this project's own and not BIDS.
_IGNORED = """**/oct
**/figures
*.html
*.md
*.bib
apostel.json
ledger
logs
lock*
plan.tsv
ratings
run.json
smartms_config.yaml
tables
work
"""


def write_dataset_files(
    out: Path, bids: Path, survey: Survey, config: StudyConfig, plan_sha256: str
) -> None:
    """Write description, ``.bidsignore``, configuration, run.json, participants and visit days."""
    write_json(out / "dataset_description.json", _description(out, bids))
    write_text(out / ".bidsignore", _IGNORED)
    write_text(out / CONFIG_FILE, config_text(config))
    run = {
        "versions": versions(),
        "method_versions": {str(kind): version for kind, version in METHOD_VERSION.items()},
        "config_sha256": study_digest(config),
        "plan_sha256": plan_sha256,
    }
    write_json(out / RUN_FILE, run)
    _write_participants(out, survey)
    for subject in sorted(survey.days):
        days = sorted(survey.days[subject].days.items(), key=lambda item: (item[1], item[0]))
        rows = [f"ses-{label}\t{day}\n" for label, day in days]
        if rows:
            write_text(out / sessions_file(subject), "session_id\tday\n" + "".join(rows))


def check_output(out: Path) -> None:
    """Raise InputError unless a folder is an output directory of ``smartms run``."""
    if not out.is_dir():
        raise InputError("is no folder", "Give the output directory", file=out.name)
    if not (out / CONFIG_FILE).is_file():
        problem = f"has no {CONFIG_FILE}"
        raise InputError(problem, "Give the output directory of 'smartms run'", file=out.name)


def check_plan(out: Path) -> None:
    """Raise InputError if the plan, which is the denominator of all tables, was changed."""
    expected = _run_record(out).get("plan_sha256")
    if expected and (out / PLAN_FILE).is_file() and sha256(out / PLAN_FILE) != expected:
        problem = "is not as 'smartms run' wrote it"
        raise InputError(problem, "Run 'smartms run' again, with 'group'", file=PLAN_FILE)


def put_config(out: Path, config: StudyConfig) -> None:
    """Let another configuration take the place of the one that an output directory holds."""
    write_text(out / CONFIG_FILE, config_text(config))
    write_json(out / RUN_FILE, _run_record(out) | {"config_sha256": study_digest(config)})


def _run_record(out: Path) -> dict[str, Any]:
    try:
        found = loads((out / RUN_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        remedy = "Run 'smartms run' again, with 'group'"
        raise InputError("is not what smartms writes", remedy, file=RUN_FILE) from error
    return found if isinstance(found, dict) else {}


def config_text(config: StudyConfig) -> str:
    """Return the resolved configuration as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _write_participants(out: Path, survey: Survey) -> None:
    affected = survey.participants.optic_neuritis
    names = {
        frozenset[Eye](): "none",
        frozenset({Eye.OD}): "OD",
        frozenset({Eye.OS}): "OS",
        frozenset(Eye): "both",
    }
    subjects = sorted({unit.subject for unit in survey.units})
    rows = [
        f"sub-{subject}\t{'n/a' if (eyes := affected.get(subject)) is None else names[eyes]}\n"
        for subject in subjects
    ]
    header = f"participant_id\t{OPTIC_NEURITIS_COLUMN}\n"
    write_text(out / PARTICIPANTS_FILE, header + "".join(rows))


def _description(out: Path, bids: Path) -> dict[str, Any]:
    made_by = {"Name": "smartms", "Version": versions()["smartms"]} | _origin()
    description: dict[str, Any] = {
        "Name": "smartms derivatives",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [made_by],
    }
    common = Path(os.path.commonpath([bids.resolve(), out.resolve()]))
    # Without a common folder the link would spell out an absolute path of this machine.
    if common != Path(common.anchor):
        link = os.path.relpath(bids.resolve(), out.resolve())
        description["DatasetLinks"] = {"raw": Path(link).as_posix()}
    return description


def _origin() -> dict[str, str]:
    """Return the commit that pip installed from, where it did so from a repository."""
    text = distribution("smartms").read_text("direct_url.json")
    commit = loads(text).get("vcs_info", {}).get("commit_id") if text else None
    return {"Description": f"commit {commit}"} if commit else {}
